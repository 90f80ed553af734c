/** People of the organization: what each may do and where, and letting them go. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { changeUser, listUsers, resetUser, signUserOut } from '../../api/endpoints';
import type { Person, PersonChange, Role } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { Confirm } from '../../kit/Confirm';
import { FormDialog } from '../../kit/FormDialog';
import { RowButton } from '../../kit/RowButton';
import { Secret } from '../../kit/Secret';
import { Table } from '../../kit/Table';
import { reaches } from '../auth/rules';
import { useSession } from '../auth/useSession';
import { SiteChoice } from '../farms/SiteChoice';
import { useAskAgain } from './queries';
import { RoleChoice } from './RoleChoice';
import { joinLink, momentText, sitesText } from './words';

export function Users({ timezone }: { timezone: string }): JSX.Element {
  const me = useSession()?.user;
  const [changing, setChanging] = useState<Person | null>(null);
  const query = useQuery({
    queryKey: ['users'],
    queryFn: ({ signal }) => listUsers(signal),
    refetchInterval: 60_000,
  });
  return (
    <Card title={t('access.users')}>
      <Answer query={query}>
        {(all) => (
          <Table
            label={t('access.users')}
            rows={all}
            rowKey={(each) => each.id}
            columns={[
              { head: t('oncall.name'), cell: (each) => each.name },
              { head: t('login.email'), cell: (each) => each.email },
              { head: t('access.role'), cell: (each) => t(`role.${each.role}`) },
              { head: t('access.sites'), cell: (each) => sitesText(each.sites) },
              { head: t('devices.heard'), cell: (each) => momentText(each.last_seen_at, timezone) },
              {
                head: t('rollouts.status'),
                cell: (each) => (each.disabled_at === null ? t('access.may_sign_in') : t('access.disabled')),
              },
              {
                head: '',
                cell: (each) =>
                  me !== undefined &&
                  each.id !== me.id &&
                  reaches(me.role, each.role) && (
                    <RowButton
                      action={t('access.change')}
                      of={each.email}
                      onClick={() => setChanging(each)}
                    />
                  ),
              },
            ]}
          />
        )}
      </Answer>
      {changing !== null && (
        <UserDialog key={changing.id} person={changing} onClose={() => setChanging(null)} />
      )}
    </Card>
  );
}

/** What is done at once, beside what is saved. */
interface Deed {
  readonly name: string;
  readonly color?: 'inherit' | 'error';
  readonly do: () => void;
}

function UserDialog({ person, onClose }: { person: Person; onClose: () => void }): JSX.Element {
  const askAgain = useAskAgain('users');
  const [name, setName] = useState(person.name);
  const [role, setRole] = useState<Role>(person.role);
  const [sites, setSites] = useState<readonly string[]>(person.sites ?? []);
  const [asking, setAsking] = useState(false);
  const settled = { onSettled: askAgain };
  const change = useMutation({
    mutationFn: (body: PersonChange) => changeUser(person.id, body),
    onSuccess: onClose,
    ...settled,
  });
  const signOut = useMutation({ mutationFn: () => signUserOut(person.id), ...settled });
  const reset = useMutation({ mutationFn: () => resetUser(person.id) });
  const submit = (): void => {
    change.mutate({ name: name.trim(), role, sites: sites.length === 0 ? null : [...sites] });
  };
  const deeds: readonly Deed[] = [
    { name: t('access.sign_out'), do: () => signOut.mutate() },
    ...(person.has_password ? [{ name: t('access.reset'), do: () => reset.mutate() }] : []),
    person.disabled_at === null
      ? { name: t('access.disable'), color: 'error', do: () => setAsking(true) }
      : { name: t('access.enable'), do: () => change.mutate({ disabled: false }) },
  ];
  const error = signOut.error ?? reset.error ?? (asking ? null : change.error);
  return (
    <>
      <FormDialog
        title={person.email}
        action={t('records.save')}
        disabled={name.trim() === '' || change.isPending}
        error={error}
        onSubmit={submit}
        onClose={onClose}
        width="sm"
      >
        <TextField
          label={t('oncall.name')}
          required
          value={name}
          sx={{ mt: 1 }}
          onChange={(event) => setName(event.target.value)}
        />
        <RoleChoice role={role} onChange={setRole} />
        <SiteChoice chosen={sites} onChange={setSites} allText={t('access.all_sites')} />
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          {deeds.map(({ name: words, color = 'inherit', do: deed }) => (
            <Button key={words} variant="outlined" color={color} onClick={deed}>
              {words}
            </Button>
          ))}
        </Box>
        {signOut.isSuccess && <Typography role="status">{t('access.signed_out')}</Typography>}
        {reset.data !== undefined && (
          <Secret
            title={t('access.reset_link', { email: person.email })}
            text={joinLink(reset.data.token, true)}
            onClose={() => reset.reset()}
          />
        )}
      </FormDialog>
      {asking && (
        <Confirm
          title={t('access.disable')}
          text={t('access.disable_text', { email: person.email })}
          action={t('access.disable')}
          pending={change.isPending}
          error={change.error}
          onDo={() => change.mutate({ disabled: true })}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
