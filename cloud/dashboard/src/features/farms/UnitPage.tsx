/** One unit: its values now, its water over time, and what its camera saw lately. Loaded when first opened. */
import Box from '@mui/material/Box';
import IconButton from '@mui/material/IconButton';
import Paper from '@mui/material/Paper';
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import Typography from '@mui/material/Typography';
import { useMemo, useState, type JSX } from 'react';
import { Link, useParams } from 'react-router';
import type { UnitLatest } from '../../api/types';
import { t } from '../../i18n';
import { useNow } from '../../kit/clock';
import { BackIcon } from '../../kit/icons';
import { Failed, Loading, Note } from '../../kit/States';
import { UnitAlarmLines } from '../alarms/UnitAlarmLines';
import { ObservationPanel } from '../observations/ObservationPanel';
import { ObservationStrip } from '../observations/ObservationStrip';
import { ChannelChart } from '../telemetry/ChannelChart';
import { SPANS } from '../telemetry/queries';
import { isStale } from '../telemetry/staleness';
import { inReadingOrder } from '../telemetry/units';
import { WaterValues } from '../telemetry/WaterValues';
import { FarmFrame, type FarmView } from './FarmFrame';
import { useUnit } from './queries';
import { RiskBadge } from './RiskBadge';
import { riskOf } from './risk';
import { unitLine } from './words';

export default function UnitPage(): JSX.Element {
  const id = Number(useParams()['unit']);
  const unit = useUnit(id);
  if (unit.data === undefined) {
    return unit.isError ? <Failed error={unit.error} retry={() => void unit.refetch()} /> : <Loading />;
  }
  return (
    <FarmFrame site={unit.data.site}>
      {(view) => {
        const latest = view.snapshot.latest.units.find((item) => item.unit.id === id);
        return latest === undefined ? (
          <Note title={t('unit.silent')} />
        ) : (
          <Detail latest={latest} {...view} />
        );
      }}
    </FarmFrame>
  );
}

function Detail({ latest, snapshot, open, skewMs }: FarmView & { latest: UnitLatest }): JSX.Element {
  const { unit, readings, observation, evidence } = latest;
  const { site, server_time: serverTime } = snapshot.latest;
  const risk = useNow((now) => riskOf(latest, (reading) => isStale(reading, snapshot.receivedAt, now)));
  const [span, setSpan] = useState(SPANS[0]);
  const mine = useMemo(
    () => open.alarms.filter((alarm) => alarm.unit?.id === unit.id),
    [open.alarms, unit.id],
  );
  const ordered = useMemo(() => inReadingOrder(readings), [readings]);
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
        <IconButton component={Link} to={`/sites/${site.slug}`} aria-label={t('unit.back')} edge="start">
          <BackIcon />
        </IconButton>
        <Box sx={{ minWidth: 0, flex: 1 }}>
          <Typography variant="h1" noWrap>
            {unit.name}
          </Typography>
          <Typography variant="body2" color="textSecondary">
            {unitLine(unit)}
          </Typography>
        </Box>
        <RiskBadge risk={risk} />
      </Box>
      <Box
        sx={{
          display: 'grid',
          gap: 2,
          gridTemplateColumns: { xs: '1fr', lg: 'minmax(0, 1fr) minmax(0, 1fr)' },
        }}
      >
        <Card>
          <Box sx={{ containerType: 'inline-size', display: 'grid', gap: 1.5 }}>
            <WaterValues readings={readings} alarms={mine} receivedAt={snapshot.receivedAt} />
            <UnitAlarmLines alarms={mine} />
          </Box>
        </Card>
        <Card>
          <ObservationPanel
            observation={observation}
            evidence={evidence}
            serverTime={serverTime}
            receivedAt={snapshot.receivedAt}
            showConfidence
          />
        </Card>
      </Box>
      <Card>
        <Typography variant="h2" sx={{ mb: 1.5 }}>
          {t('unit.pictures')}
        </Typography>
        <ObservationStrip unitId={unit.id} timezone={site.timezone} />
      </Card>
      <Box sx={{ display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: 2, mt: 1 }}>
        <Typography variant="h2" sx={{ flex: 1 }}>
          {t('unit.water')}
        </Typography>
        <ToggleButtonGroup
          exclusive
          value={span.key}
          aria-label={t('charts.span')}
          onChange={(_event, key: string | null) =>
            setSpan((old) => SPANS.find((item) => item.key === key) ?? old)
          }
        >
          {SPANS.map((item) => (
            <ToggleButton key={item.key} value={item.key} sx={{ px: 2 }}>
              {item.label}
            </ToggleButton>
          ))}
        </ToggleButtonGroup>
      </Box>
      <Box
        sx={{
          display: 'grid',
          gap: 2,
          gridTemplateColumns: 'repeat(auto-fill, minmax(min(26rem, 100%), 1fr))',
        }}
      >
        {ordered.map((reading) => (
          <Card key={reading.channel_id}>
            <ChannelChart
              reading={reading}
              alarms={mine}
              span={span}
              timezone={site.timezone}
              skewMs={skewMs}
            />
          </Card>
        ))}
      </Box>
    </Box>
  );
}

function Card({ children }: { children: React.ReactNode }): JSX.Element {
  return (
    <Paper variant="outlined" sx={{ p: 2, borderRadius: '0.875rem', minWidth: 0 }}>
      {children}
    </Paper>
  );
}
