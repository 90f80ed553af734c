/** One unit at a glance: how risky, the water, what the camera saw, and its open alarms. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useMemo, type JSX } from 'react';
import { Link } from 'react-router';
import type { Alarm, UnitLatest } from '../../api/types';
import type { Moment } from '../../kit/clock';
import { ForwardIcon } from '../../kit/icons';
import { UnitAlarmLines } from '../alarms/UnitAlarmLines';
import { ObservationPanel } from '../observations/ObservationPanel';
import { WaterValues } from '../telemetry/WaterValues';
import { RiskBadge } from './RiskBadge';
import { riskOf } from './risk';
import { unitLine } from './words';

interface Props {
  latest: UnitLatest;
  alarms: readonly Alarm[];
  serverTime: string;
  receivedAt: Moment;
}

export function UnitTile({ latest, alarms, serverTime, receivedAt }: Props): JSX.Element {
  const { unit, readings, observation } = latest;
  const risk = riskOf(latest);
  const mine = useMemo(() => alarms.filter((alarm) => alarm.unit?.id === unit.id), [alarms, unit.id]);
  const severe = risk === 'critical' || risk === 'major' || risk === 'minor' || risk === 'warning';
  return (
    <Box
      component="article"
      aria-label={unit.name}
      data-testid="unit-tile"
      data-unit={unit.slug}
      data-risk={risk}
      sx={{
        containerType: 'inline-size',
        display: 'flex',
        flexDirection: 'column',
        gap: 1.5,
        p: 2,
        borderRadius: '0.875rem',
        bgcolor: 'background.paper',
        border: '1px solid',
        borderColor: severe ? `severity.${risk}` : 'divider',
        borderTopWidth: '0.25rem',
        borderStyle: risk === 'silent' ? 'dashed' : 'solid',
      }}
    >
      <Box
        component={Link}
        to={`/units/${unit.id}`}
        sx={{
          display: 'flex',
          alignItems: 'center',
          gap: 1,
          color: 'inherit',
          textDecoration: 'none',
          minHeight: '2.75rem',
        }}
      >
        <Box sx={{ minWidth: 0, flex: 1 }}>
          <Typography variant="h1" component="h2" noWrap>
            {unit.name}
          </Typography>
          <Typography variant="caption" color="text.secondary" noWrap component="div" title={unitLine(unit)}>
            {unitLine(unit)}
          </Typography>
        </Box>
        <RiskBadge risk={risk} />
        <ForwardIcon sx={{ color: 'text.disabled', fontSize: '1.25rem' }} />
      </Box>
      <WaterValues readings={readings} alarms={mine} receivedAt={receivedAt} />
      <ObservationPanel observation={observation} serverTime={serverTime} receivedAt={receivedAt} />
      <UnitAlarmLines alarms={mine} />
    </Box>
  );
}
