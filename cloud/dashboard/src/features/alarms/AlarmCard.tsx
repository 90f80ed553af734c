/** One open alarm: how bad, its two facts, how long, what to do, and where the limit comes from. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import { Link } from 'react-router';
import type { Alarm } from '../../api/types';
import { t } from '../../i18n';
import { useNow } from '../../kit/clock';
import { TOUCH } from '../../kit/tokens';
import { ageText } from '../../kit/time';
import { measureText } from '../telemetry/units';
import { AcknowledgeButton } from './AcknowledgeButton';
import { isShelved } from './escalation';
import { messageOf, severityText, tidy } from './order';
import { SeverityMark } from './SeverityMark';

interface Props {
  alarm: Alarm;
  /** Milliseconds by which the server's clock is ahead of this computer's. */
  skewMs: number;
  showUnit?: boolean;
  /** More that can be done, beside the acknowledge button. */
  actions?: ReactNode;
  children?: ReactNode;
}

export function AlarmCard({ alarm, skewMs, showUnit = true, actions, children }: Props): JSX.Element {
  const colour = `severity.${alarm.severity}`;
  const loud = alarm.active && !alarm.acknowledged;
  return (
    <Box
      component="article"
      data-testid="alarm-card"
      data-alarm={alarm.id}
      aria-label={severityText(alarm.severity)}
      sx={{
        position: 'relative',
        p: 1.5,
        pl: 2,
        borderRadius: '0.625rem',
        border: '1px solid',
        borderColor: loud ? colour : 'divider',
        bgcolor: 'background.paper',
        overflow: 'hidden',
        '&::before': {
          content: '""',
          position: 'absolute',
          inset: '0 auto 0 0',
          width: loud ? '0.375rem' : '0.1875rem',
          bgcolor: alarm.active ? colour : 'stale',
        },
      }}
    >
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
        <SeverityMark severity={alarm.severity} hollow={!alarm.active} silent />
        <Typography variant="body2" sx={{ fontWeight: 700, color: alarm.active ? colour : 'text.secondary' }}>
          {severityText(alarm.severity)}
        </Typography>
        <Typography
          variant="body2"
          color="textSecondary"
          sx={{ ml: 'auto', whiteSpace: 'nowrap' }}
          title={t('alarms.since_raised')}
        >
          <Since at={alarm.raised_at} skewMs={skewMs} />
        </Typography>
      </Box>
      {showUnit && alarm.unit !== null && (
        <Typography
          component={Link}
          to={`/units/${alarm.unit.id}`}
          variant="h3"
          sx={{
            display: 'inline-flex',
            alignItems: 'center',
            minWidth: TOUCH,
            minHeight: TOUCH,
            // As high as a finger, and no further from the words below it.
            my: -0.5,
            color: 'inherit',
            textDecoration: 'none',
            '&:hover': { textDecoration: 'underline' },
          }}
        >
          {alarm.unit.name}
        </Typography>
      )}
      <Typography sx={{ mt: 0.25, fontWeight: loud ? 600 : 400 }}>{tidy(messageOf(alarm))}</Typography>
      <Typography variant="body2" color="textSecondary" data-testid="alarm-state">
        {alarm.active ? (
          t('alarms.active')
        ) : alarm.cleared_at === null ? (
          t('alarms.cleared')
        ) : (
          <ClearedSince at={alarm.cleared_at} skewMs={skewMs} />
        )}
        {' · '}
        {alarm.acknowledged
          ? t('alarms.acknowledged_by', { who: alarm.acknowledged_by ?? t('alarms.someone') })
          : t('alarms.unacknowledged')}
      </Typography>
      {alarm.assignee !== null && (
        <Typography variant="body2" data-testid="assignee" sx={{ fontWeight: 600 }}>
          {t('assign.to', { who: alarm.assignee.name || alarm.assignee.email })}
        </Typography>
      )}
      <ShelvedLine alarm={alarm} skewMs={skewMs} />
      {alarm.suppressed_by !== null && (
        <Typography variant="body2" color="textSecondary">
          {t('alarms.suppressed')}
        </Typography>
      )}
      {alarm.action !== null && alarm.active && (
        <Typography variant="body2" sx={{ mt: 1, p: 1, borderRadius: '0.375rem', bgcolor: 'raised' }}>
          <Box component="span" sx={{ fontWeight: 700 }}>
            {t('alarms.do')}{' '}
          </Box>
          {alarm.action}
        </Typography>
      )}
      <Typography variant="caption" color="textSecondary" component="div" sx={{ mt: 0.75 }}>
        {alarm.limit !== null && <>{t('alarms.limit', { limit: measureText(alarm.limit, alarm.ucum) })} </>}
        {alarm.source !== null && t('alarms.source', { source: alarm.source })}
      </Typography>
      <Box sx={{ mt: 1, display: 'flex', flexWrap: 'wrap', gap: 1, '&:empty': { display: 'none' } }}>
        {!alarm.acknowledged && <AcknowledgeButton alarm={alarm} />}
        {actions}
      </Box>
      {children}
    </Box>
  );
}

function ShelvedLine({ alarm, skewMs }: { alarm: Alarm; skewMs: number }): JSX.Element | null {
  const left = useNow((now) =>
    isShelved(alarm, now.wallMs + skewMs)
      ? ageText((Date.parse(alarm.shelved_until ?? '') - now.wallMs - skewMs) / 1000)
      : null,
  );
  if (left === null) return null;
  return (
    <Typography variant="body2" data-testid="shelved" sx={{ mt: 0.5, fontWeight: 600 }}>
      {t('alarms.shelved_for', {
        left,
        who: alarm.shelved_by ?? t('alarms.someone'),
        why: alarm.shelved_because ?? '–',
      })}
    </Typography>
  );
}

function ClearedSince({ at, skewMs }: { at: string; skewMs: number }): JSX.Element {
  const age = useNow((now) => ageText((now.wallMs + skewMs - Date.parse(at)) / 1000));
  return <span>{t('alarms.cleared_ago', { age })}</span>;
}

function Since({ at, skewMs }: { at: string; skewMs: number }): JSX.Element {
  const text = useNow((now) => ageText((now.wallMs + skewMs - Date.parse(at)) / 1000));
  return <span>{text}</span>;
}
