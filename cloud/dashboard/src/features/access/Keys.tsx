/** Keys with which machines ask the API: made with a secret that is shown once, limited, and revoked at once. */
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { listKeys, makeKey, revokeKey } from '../../api/endpoints';
import type { ApiKey, Role } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { AskForm } from '../../kit/AskForm';
import { Card } from '../../kit/Card';
import { Confirm } from '../../kit/Confirm';
import { RowButton } from '../../kit/RowButton';
import { Secret } from '../../kit/Secret';
import { SelectField } from '../../kit/SelectField';
import { Table } from '../../kit/Table';
import { SiteChoice } from '../farms/SiteChoice';
import { useAskAgain } from './queries';
import { RoleChoice } from './RoleChoice';
import { momentText, sitesText } from './words';

/** What a machine usually needs; the server knows more tags, and the client can ask for those. */
const SCOPES = [
  '*:read',
  '*:write',
  'telemetry:read',
  'alarms:read',
  'alarms:write',
  'husbandry:read',
  'husbandry:write',
  'predictions:write',
] as const;

const DAYS = [30, 90, 365, 730] as const;

export function Keys({ timezone }: { timezone: string }): JSX.Element {
  const askAgain = useAskAgain('api keys');
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const query = useQuery({
    queryKey: ['api keys'],
    queryFn: ({ signal }) => listKeys(signal),
    refetchInterval: 60_000,
  });
  const revoke = useMutation({
    mutationFn: revokeKey,
    onSuccess: () => setRevoking(null),
    onSettled: askAgain,
  });
  return (
    <Card title={t('access.keys')}>
      <Answer query={query}>
        {(all) => (
          <Table
            label={t('access.keys')}
            rows={all}
            rowKey={(each) => each.id}
            empty={t('access.no_key')}
            columns={[
              { head: t('oncall.name'), cell: (each) => each.name },
              { head: t('access.role'), cell: (each) => t(`role.${each.role}`) },
              { head: t('access.scopes'), cell: (each) => <code>{each.scopes.join(' ')}</code> },
              { head: t('access.sites'), cell: (each) => sitesText(each.sites) },
              { head: t('access.until'), cell: (each) => momentText(each.expires_at, timezone) },
              { head: t('access.revoked'), cell: (each) => momentText(each.revoked_at, timezone) },
              {
                head: '',
                cell: (each) =>
                  each.revoked_at === null && (
                    <RowButton action={t('access.revoke')} of={each.name} onClick={() => setRevoking(each)} />
                  ),
              },
            ]}
          />
        )}
      </Answer>
      <NewKeyForm />
      {revoking !== null && (
        <Confirm
          title={t('access.revoke')}
          text={t('access.revoke_text', { name: revoking.name })}
          action={t('access.revoke')}
          pending={revoke.isPending}
          error={revoke.error}
          onDo={() => revoke.mutate(revoking.id)}
          onClose={() => setRevoking(null)}
        />
      )}
    </Card>
  );
}

function NewKeyForm(): JSX.Element {
  const askAgain = useAskAgain('api keys');
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [scopes, setScopes] = useState<readonly string[]>(['telemetry:read']);
  const [sites, setSites] = useState<readonly string[]>([]);
  const [days, setDays] = useState<number>(365);
  const make = useMutation({
    mutationFn: () =>
      makeKey({
        name: name.trim(),
        role,
        scopes: [...scopes],
        sites: sites.length === 0 ? null : [...sites],
        days,
      }),
    onSuccess: async () => {
      setName('');
      await askAgain();
    },
  });
  return (
    <>
      <AskForm
        action={t('access.make_key')}
        disabled={make.isPending || scopes.length === 0}
        error={make.error}
        onSubmit={() => make.mutate()}
      >
        <TextField
          label={t('oncall.name')}
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
          slotProps={{ htmlInput: { maxLength: 64 } }}
        />
        <RoleChoice role={role} machine onChange={setRole} />
        <TextField
          select
          label={t('access.scopes')}
          value={scopes}
          onChange={(event) => setScopes(event.target.value as unknown as string[])}
          slotProps={{ select: { multiple: true, renderValue: (value) => (value as string[]).join(', ') } }}
        >
          {SCOPES.map((scope) => (
            <MenuItem key={scope} value={scope}>
              <code>{scope}</code>
            </MenuItem>
          ))}
        </TextField>
        <SiteChoice chosen={sites} onChange={setSites} allText={t('access.all_sites')} />
        <SelectField
          label={t('access.lasts')}
          value={days}
          options={DAYS.map((each) => [each, t('period.days', { n: each })])}
          onChange={setDays}
        />
      </AskForm>
      {make.data !== undefined && (
        <Secret
          title={t('access.key_once', { name: make.data.api_key.name })}
          text={make.data.key}
          onClose={() => make.reset()}
        />
      )}
    </>
  );
}
