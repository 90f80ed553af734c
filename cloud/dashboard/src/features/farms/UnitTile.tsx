/** One unit at a glance: how risky, the water, what the camera saw, and its open alarms. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useMemo, type JSX } from 'react';
import { Link } from 'react-router';
import type { Alarm, UnitLatest } from '../../api/types';
import { useNow, type Moment } from '../../kit/clock';
import { ForwardIcon } from '../../kit/icons';
import { UnitAlarmLines } from '../alarms/UnitAlarmLines';
import type { UnitDay } from '../husbandry/today';
import { TodayLine } from '../husbandry/TodayLine';
import { ObservationPanel } from '../observations/ObservationPanel';
import type { Verdict } from '../observations/words';
import { isStale } from '../telemetry/staleness';
import { WaterValues } from '../telemetry/WaterValues';
import { RiskBadge } from './RiskBadge';
import { riskOf, type Risk } from './risk';
import { unitLine } from './words';

interface Props {
  latest: UnitLatest;
  alarms: readonly Alarm[];
  serverTime: string;
  receivedAt: Moment;
  /** Null while the diary has not answered: nothing is shown rather than nought. */
  today: ReadonlyMap<string, UnitDay> | null;
  /** How the server found its model. */
  verdict: Verdict | undefined;
}

export function UnitTile({ latest, alarms, serverTime, receivedAt, today, verdict }: Props): JSX.Element {
  const { unit, readings, observation, evidence } = latest;
  const risk = useNow((now) => riskOf(latest, (reading) => isStale(reading, receivedAt, now)));
  const mine = useMemo(() => alarms.filter((alarm) => alarm.unit?.id === unit.id), [alarms, unit.id]);
  const edge = edgeOf(risk);
  return (
    <Box
      component="article"
      aria-label={unit.name}
      data-testid="unit-tile"
      data-unit={unit.slug}
      data-risk={risk}
      sx={{
        containerType: 'inline-size',
        // A farm of one tank is not one tank across a whole wall.
        maxWidth: '42rem',
        display: 'flex',
        flexDirection: 'column',
        gap: 1.5,
        p: 2,
        borderRadius: '0.875rem',
        bgcolor: 'background.paper',
        border: '1px solid',
        borderColor: edge.around,
        borderStyle: risk === 'silent' ? 'dashed' : 'solid',
        borderTop: '0.25rem solid',
        borderTopColor: edge.top,
      }}
    >
      <Box
        component={Link}
        to={`/units/${unit.id}`}
        sx={{ color: 'inherit', textDecoration: 'none', minHeight: '2.75rem', borderRadius: '0.375rem' }}
      >
        <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
          <Typography variant="h1" component="h2" noWrap sx={{ flex: 1 }}>
            {unit.name}
          </Typography>
          <RiskBadge risk={risk} />
          <ForwardIcon sx={{ color: 'text.disabled', fontSize: '1.25rem', mr: -0.5 }} />
        </Box>
        <Typography variant="caption" color="textSecondary" component="div">
          {unitLine(unit)}
        </Typography>
      </Box>
      <WaterValues readings={readings} alarms={mine} receivedAt={receivedAt} />
      {today !== null && <TodayLine day={today.get(unit.slug)} />}
      <ObservationPanel
        observation={observation}
        evidence={evidence}
        serverTime={serverTime}
        receivedAt={receivedAt}
        verdict={verdict}
      />
      <UnitAlarmLines alarms={mine} />
    </Box>
  );
}

/** The worst units wear their colour all around, lesser ones on top, calm ones none. */
function edgeOf(risk: Risk): { around: string; top: string } {
  if (risk === 'critical' || risk === 'major') return { around: `severity.${risk}`, top: `severity.${risk}` };
  if (risk === 'minor' || risk === 'warning') return { around: 'divider', top: `severity.${risk}` };
  if (risk === 'silent' || risk === 'stale') return { around: 'stale', top: 'stale' };
  return { around: 'divider', top: 'divider' };
}
