/** Who may do what: users, keys of machines, and what was changed by whom. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import type { JSX } from 'react';
import { auditLog, listKeys, listUsers } from '../../api/endpoints';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';

export function Access({ timezone }: { timezone: string }): JSX.Element {
  const users = useQuery({
    queryKey: ['users'],
    queryFn: ({ signal }) => listUsers(signal),
    refetchInterval: 60_000,
  });
  const keys = useQuery({
    queryKey: ['api keys'],
    queryFn: ({ signal }) => listKeys(signal),
    refetchInterval: 60_000,
  });
  const audit = useQuery({
    queryKey: ['audit'],
    queryFn: ({ signal }) => auditLog(signal),
    refetchInterval: 60_000,
  });
  const clock = (at: string | null): string => (at === null ? '–' : farmDateTime(Date.parse(at), timezone));
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Card title={t('access.users')}>
        <Answer query={users} empty={{ when: (all) => all.length === 0, title: t('state.nothing') }}>
          {(all) => (
            <Table
              label={t('access.users')}
              rows={all}
              rowKey={(each) => each.id}
              columns={[
                { head: t('oncall.name'), cell: (each) => each.name },
                { head: t('login.email'), cell: (each) => each.email },
                { head: t('access.role'), cell: (each) => t(`role.${each.role}`) },
                { head: t('access.sites'), cell: (each) => each.sites?.join(', ') ?? t('records.all') },
                { head: t('devices.heard'), cell: (each) => clock(each.last_seen_at) },
              ]}
            />
          )}
        </Answer>
      </Card>
      <Card title={t('access.keys')}>
        <Answer query={keys}>
          {(all) =>
            all.length === 0 ? (
              <Typography color="textSecondary">{t('state.nothing')}</Typography>
            ) : (
              <Table
                label={t('access.keys')}
                rows={all}
                rowKey={(each) => each.id}
                columns={[
                  { head: t('oncall.name'), cell: (each) => each.name },
                  { head: t('access.role'), cell: (each) => t(`role.${each.role}`) },
                  { head: t('access.until'), cell: (each) => clock(each.expires_at) },
                  { head: t('access.revoked'), cell: (each) => clock(each.revoked_at) },
                ]}
              />
            )
          }
        </Answer>
      </Card>
      <Card title={t('access.audit')}>
        <Answer query={audit} empty={{ when: (all) => all.length === 0, title: t('state.nothing') }}>
          {(all) => (
            <Table
              label={t('access.audit')}
              rows={all}
              rowKey={(each) => each.number}
              columns={[
                { head: t('column.when'), cell: (each) => clock(each.recorded_at) },
                { head: t('column.who'), cell: (each) => each.actor },
                { head: t('column.what'), cell: (each) => `${each.action} · ${each.change} ${each.subject}` },
              ]}
            />
          )}
        </Answer>
      </Card>
    </Box>
  );
}
