/** Who was asked to come in: a one-time link for each, shown once. */
import Alert from '@mui/material/Alert';
import TextField from '@mui/material/TextField';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { invite, listInvitations, withdrawInvitation } from '../../api/endpoints';
import type { Invitation, Role } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { AskForm } from '../../kit/AskForm';
import { Card } from '../../kit/Card';
import { RowButton } from '../../kit/RowButton';
import { Secret } from '../../kit/Secret';
import { Table } from '../../kit/Table';
import { SiteChoice } from '../farms/SiteChoice';
import { useAskAgain } from './queries';
import { RoleChoice } from './RoleChoice';
import { joinLink, momentText, sitesText } from './words';

export function Invitations({ timezone }: { timezone: string }): JSX.Element {
  const askAgain = useAskAgain('invitations');
  const query = useQuery({
    queryKey: ['invitations'],
    queryFn: ({ signal }) => listInvitations(signal),
    refetchInterval: 60_000,
  });
  const withdraw = useMutation({
    mutationFn: withdrawInvitation,
    onSettled: askAgain,
  });
  return (
    <Card title={t('access.invitations')}>
      <Answer query={query}>
        {(all) => (
          <Table
            label={t('access.invitations')}
            rows={all}
            rowKey={(each) => each.id}
            empty={t('access.no_invitation')}
            columns={[
              { head: t('login.email'), cell: (each) => each.email },
              {
                head: t('access.role'),
                cell: (each) => (each.is_reset ? t('access.reset') : t(`role.${each.role}`)),
              },
              { head: t('access.sites'), cell: (each) => sitesText(each.sites) },
              { head: t('access.until'), cell: (each) => momentText(each.expires_at, timezone) },
              { head: t('rollouts.status'), cell: stateText },
              {
                head: '',
                cell: (each) =>
                  isOpen(each) && (
                    <RowButton
                      action={t('access.withdraw')}
                      of={each.email}
                      disabled={withdraw.isPending}
                      onClick={() => withdraw.mutate(each.id)}
                    />
                  ),
              },
            ]}
          />
        )}
      </Answer>
      {withdraw.error !== null && <Alert severity="error">{withdraw.error.message}</Alert>}
      <NewInvitationForm />
    </Card>
  );
}

function isOpen(invitation: Invitation): boolean {
  return invitation.used_at === null && Date.parse(invitation.expires_at) > Date.now();
}

function stateText(invitation: Invitation): string {
  if (invitation.used_at !== null) return t('access.used');
  return isOpen(invitation) ? t('access.open') : t('access.too_old');
}

function NewInvitationForm(): JSX.Element {
  const askAgain = useAskAgain('invitations');
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('operator');
  const [sites, setSites] = useState<readonly string[]>([]);
  const add = useMutation({
    mutationFn: () =>
      invite({ email: email.trim(), role, sites: sites.length === 0 ? null : [...sites], days: 7 }),
    onSuccess: async () => {
      setEmail('');
      await askAgain();
    },
  });
  return (
    <>
      <AskForm
        action={t('access.invite')}
        disabled={add.isPending}
        error={add.error}
        onSubmit={() => add.mutate()}
      >
        <TextField
          label={t('login.email')}
          type="email"
          required
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <RoleChoice role={role} onChange={setRole} />
        <SiteChoice chosen={sites} onChange={setSites} allText={t('access.all_sites')} />
      </AskForm>
      {add.data !== undefined && (
        <Secret
          title={t('access.invite_link', { email: add.data.email })}
          text={joinLink(add.data.token, false)}
          onClose={() => add.reset()}
        />
      )}
    </>
  );
}
