/** The roles of the repository: who signs for each, and when boxes stop trusting it. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { RepositoryRole } from '../../api/types';
import { t } from '../../i18n';
import { Card } from '../../kit/Card';
import { useNow } from '../../kit/clock';
import { CheckIcon, ClockIcon, CloseIcon } from '../../kit/icons';
import { Table } from '../../kit/Table';
import { farmDateTime, shortAgeText } from '../../kit/time';
import { endOf, type End } from './rules';
import { SignatureMarks } from './SignatureMarks';

interface Props {
  roles: readonly RepositoryRole[];
  assigners: readonly string[];
  timezone: string;
  skewMs: number;
}

export function RolesCard({ roles, assigners, timezone, skewMs }: Props): JSX.Element {
  return (
    <Card title={t('releases.roles')}>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1 }}>
        {t('releases.roles_text')}
      </Typography>
      <Table
        label={t('releases.roles')}
        rows={roles}
        rowKey={(role) => role.role}
        columns={[
          { head: t('releases.role'), cell: (role) => <code>{role.role}</code> },
          { head: t('releases.version'), cell: (role) => role.version, align: 'right' },
          {
            head: t('releases.signatures'),
            cell: (role) =>
              role.online ? t('releases.online') : <SignatureMarks signatures={role.signatures} />,
          },
          {
            head: t('releases.ends'),
            cell: (role) => <Ends role={role} timezone={timezone} skewMs={skewMs} />,
          },
        ]}
      />
      {assigners.length > 0 && (
        <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
          {t('releases.assigners', { names: assigners.join(', ') })}
        </Typography>
      )}
    </Card>
  );
}

const MARK = {
  fine: [CheckIcon, 'text.primary'],
  soon: [ClockIcon, 'severity.minor'],
  over: [CloseIcon, 'severity.major'],
} as const;

function Ends({
  role,
  timezone,
  skewMs,
}: Omit<Props, 'roles' | 'assigners'> & { role: RepositoryRole }): JSX.Element {
  const end: End = useNow((now) => endOf(role, now.wallMs + skewMs));
  const left = useNow((now) => shortAgeText((Date.parse(role.expires_at) - now.wallMs - skewMs) / 1000));
  const [Icon, color] = MARK[end];
  const word = { fine: '', soon: `${t('releases.soon')}: `, over: t('releases.over') }[end];
  return (
    <Box data-testid="role-end" data-end={end}>
      <Box
        component="span"
        sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.5, color, fontWeight: 650 }}
      >
        <Icon />
        {word}
        {end !== 'over' && t('releases.left', { age: left })}
      </Box>
      <Typography variant="body2" color="textSecondary">
        {farmDateTime(Date.parse(role.expires_at), timezone)}
      </Typography>
    </Box>
  );
}
