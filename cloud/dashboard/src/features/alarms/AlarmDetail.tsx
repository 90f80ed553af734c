/** What lies behind an alarm: where its escalation stands, what happens if nobody answers, its history and its messages. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import type { Alarm, Ladder, Rationale } from '../../api/types';
import { t, word } from '../../i18n';
import { useNow } from '../../kit/clock';
import { ClockIcon } from '../../kit/icons';
import { ageText, farmDateTime } from '../../kit/time';
import { escalationOf } from './escalation';
import { useAlarmHistory, useAlarmMessages } from './queries';

interface Props {
  alarm: Alarm;
  ladder: Ladder | undefined;
  rationale: Rationale | undefined;
  timezone: string;
  skewMs: number;
}

export function AlarmDetail({ alarm, ladder, rationale, timezone, skewMs }: Props): JSX.Element {
  return (
    <Box sx={{ mt: 1.5, pt: 1.5, borderTop: '1px solid', borderColor: 'divider', display: 'grid', gap: 2 }}>
      {ladder !== undefined && <EscalationLine alarm={alarm} ladder={ladder} skewMs={skewMs} />}
      {rationale !== undefined && (
        <Box sx={{ display: 'grid', gap: 1 }}>
          <Part title={t('alarms.consequence')}>{rationale.consequence}</Part>
          <Part title={t('alarms.instruction')}>{rationale.instruction}</Part>
          <Typography variant="caption" color="textSecondary">
            {t('alarms.respond', { time: ageText(rationale.respond_within_s), owner: rationale.owner })}
            {rationale.shipped && ` ${t('alarms.shipped')}`}
          </Typography>
        </Box>
      )}
      <Box
        sx={{
          display: 'grid',
          gap: 2,
          gridTemplateColumns: 'repeat(auto-fit, minmax(min(17rem, 100%), 1fr))',
        }}
      >
        <History id={alarm.id} timezone={timezone} />
        <Messages site={alarm.site} id={alarm.id} timezone={timezone} />
      </Box>
    </Box>
  );
}

/** One line that counts down, so that a person knows how long the phone beside them stays quiet. */
export function EscalationLine({
  alarm,
  ladder,
  skewMs,
}: {
  alarm: Alarm;
  ladder: Ladder;
  skewMs: number;
}): JSX.Element {
  const text = useNow((now) => {
    const at = escalationOf(alarm, ladder, now.wallMs + skewMs);
    if (at.state === 'stopped') return t(`escalation.${at.why}`);
    if (at.state === 'repeating') return t('escalation.repeating', { time: ageText(at.everyS) });
    if (at.state === 'exhausted') return t('escalation.exhausted');
    const channels = at.step.channels.map((channel) => t(`channel.${channel}`)).join(', ');
    return t('escalation.next', { time: ageText(at.inS), who: t(`duty.${at.step.to}`), channels });
  });
  return (
    <Typography
      variant="body2"
      data-testid="escalation"
      sx={{ display: 'flex', alignItems: 'center', gap: 1, fontWeight: 600 }}
    >
      <ClockIcon sx={{ fontSize: '1.25rem' }} />
      {text}
    </Typography>
  );
}

function History({ id, timezone }: { id: string; timezone: string }): JSX.Element {
  const query = useAlarmHistory(id);
  return (
    <Listed title={t('alarms.history')} query={query}>
      {(steps) =>
        steps.map((step) => (
          <Line key={`${step.change} ${step.occurred_at}`} at={step.occurred_at} timezone={timezone}>
            {word('change', step.change)}
            {step.assignee !== null && `: ${step.assignee}`}
            {step.actor !== null && ` · ${step.actor}`}
          </Line>
        ))
      }
    </Listed>
  );
}

function Messages({ site, id, timezone }: { site: string; id: string; timezone: string }): JSX.Element {
  const query = useAlarmMessages(site, id);
  return (
    <Listed title={t('alarms.messages')} query={query}>
      {(messages) =>
        messages.map((message) => (
          <Line key={message.id} at={message.sent_at ?? message.due_at} timezone={timezone}>
            {t(`channel.${message.channel}`)} · {message.contact} ·{' '}
            {message.sent_at !== null
              ? t('message.sent')
              : message.failed_at !== null
                ? `${t('message.failed')}: ${message.error ?? ''}`
                : message.cancelled_at !== null
                  ? t('message.cancelled')
                  : t('message.planned')}
          </Line>
        ))
      }
    </Listed>
  );
}

interface ListedProps<T> {
  title: string;
  query: { data: T[] | undefined; error: Error | null };
  children: (data: T[]) => ReactNode;
}

function Listed<T>({ title, query, children }: ListedProps<T>): JSX.Element {
  return (
    <Box>
      <Typography variant="h3" sx={{ mb: 0.5 }}>
        {title}
      </Typography>
      {query.data === undefined ? (
        <Typography variant="body2" color="textSecondary" role="status">
          {query.error === null ? t('state.loading') : query.error.message}
        </Typography>
      ) : query.data.length === 0 ? (
        <Typography variant="body2" color="textSecondary">
          {t('state.nothing')}
        </Typography>
      ) : (
        <Box component="ol" sx={{ listStyle: 'none', m: 0, p: 0, display: 'grid', gap: 0.75 }}>
          {children(query.data)}
        </Box>
      )}
    </Box>
  );
}

function Line({
  at,
  timezone,
  children,
}: {
  at: string;
  timezone: string;
  children: ReactNode;
}): JSX.Element {
  return (
    <Typography component="li" variant="body2">
      <Box component="span" sx={{ color: 'text.secondary' }}>
        {farmDateTime(Date.parse(at), timezone)}
      </Box>{' '}
      {children}
    </Typography>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }): JSX.Element {
  return (
    <Typography variant="body2">
      <Box component="span" sx={{ fontWeight: 700 }}>
        {title}:{' '}
      </Box>
      {children}
    </Typography>
  );
}
