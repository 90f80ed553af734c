/** One unit: its values now, its water over time, and what its camera saw lately. Loaded when first opened. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import { useMemo, useState, type JSX } from 'react';
import { Link, useParams } from 'react-router';
import type { UnitLatest } from '../../api/types';
import { t } from '../../i18n';
import { useNow } from '../../kit/clock';
import { Card } from '../../kit/Card';
import { BackIcon, PlusIcon } from '../../kit/icons';
import { Segments } from '../../kit/Segments';
import { SelectField } from '../../kit/SelectField';
import { Failed, Loading, Note } from '../../kit/States';
import { shortAgeText } from '../../kit/time';
import { useClosedAlarms } from '../alarms/queries';
import { UnitAlarmLines } from '../alarms/UnitAlarmLines';
import { useMay } from '../auth/useMay';
import { useRecords } from '../husbandry/queries';
import { ObservationPanel } from '../observations/ObservationPanel';
import { ObservationStrip } from '../observations/ObservationStrip';
import { useModelHealth } from '../observations/queries';
import { ChannelChart } from '../telemetry/ChannelChart';
import { ChartControls } from '../telemetry/ChartControls';
import { CountPanel } from '../telemetry/CountPanel';
import { LimitList } from '../telemetry/LimitList';
import { GLYPHS, markersOf, type MarkerKind } from '../telemetry/markers';
import { PairPanel } from '../telemetry/PairPanel';
import { CYCLE_S, SPANS, useModelChanges, type Span, type Zoom } from '../telemetry/queries';
import { isStale } from '../telemetry/staleness';
import { BeforePanel } from '../timeline/BeforePanel';
import { inReadingOrder } from '../telemetry/units';
import { WaterValues } from '../telemetry/WaterValues';
import { FarmFrame, type FarmView } from './FarmFrame';
import { NoFarm } from './NoFarm';
import { useUnit } from './queries';
import { RiskBadge } from './RiskBadge';
import { riskOf } from './risk';
import { unitLine } from './words';

export default function UnitPage(): JSX.Element {
  const id = Number(useParams()['unit']);
  const unit = useUnit(id);
  if (unit.data === undefined) {
    return (
      <NoFarm>
        {unit.isError ? <Failed error={unit.error} retry={() => void unit.refetch()} /> : <Loading />}
      </NoFarm>
    );
  }
  return (
    <FarmFrame site={unit.data.site}>
      {(view) => {
        const latest = view.snapshot.latest.units.find((item) => item.unit.id === id);
        return latest === undefined ? (
          <Note title={t('unit.silent')} text={t('unit.silent_text')} />
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
  const mayWrite = useMay('operator');
  const risk = useNow((now) => riskOf(latest, (reading) => isStale(reading, snapshot.receivedAt, now)));
  const records = useRecords(site.slug, null);
  const over = useClosedAlarms(site.slug);
  const cycle = useCycle(site.slug, unit.slug, serverTime);
  const spans = useMemo((): readonly [Span, ...Span[]] => [...SPANS, cycle], [cycle]);
  const [spanKey, setSpanKey] = useState(SPANS[0].key);
  const span = spans.find((item) => item.key === spanKey) ?? spans[0];
  const [zoom, setZoom] = useState<Zoom | null>(null);
  const [compared, setCompared] = useState('');
  const asked = useMemo(() => ({ span, zoom, skewMs }), [span, zoom, skewMs]);
  const verdict = useModelHealth(site.slug).get(unit.id);
  const changes = useModelChanges(unit.id, asked);
  const markers = useMemo(() => {
    const closed = over.data?.pages.flatMap((page) => page.items) ?? [];
    return markersOf(unit.slug, [...open.alarms, ...closed], records.data?.items ?? [], changes.data ?? []);
  }, [unit.slug, open.alarms, over.data, records.data, changes.data]);
  const others = snapshot.latest.units.filter((item) => item.unit.id !== unit.id);
  const beside = others.find((item) => item.unit.slug === compared)?.readings;
  const mine = useMemo(
    () => open.alarms.filter((alarm) => alarm.unit?.id === unit.id),
    [open.alarms, unit.id],
  );
  const ordered = useMemo(() => inReadingOrder(readings), [readings]);
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1 }}>
        <IconButton component={Link} to={`/sites/${site.slug}`} aria-label={t('unit.back')} edge="start">
          <BackIcon />
        </IconButton>
        <Box sx={{ minWidth: 0, flex: { xs: '1 1 calc(100% - 4rem)', sm: 1 } }}>
          <Typography variant="h1" noWrap>
            {unit.name}
          </Typography>
          <Typography variant="body2" color="textSecondary">
            {unitLine(unit)}
          </Typography>
        </Box>
        <RiskBadge risk={risk} />
        {mayWrite && (
          <Button
            component={Link}
            to={`/sites/${site.slug}/records?write=mortality&unit=${unit.slug}`}
            variant="outlined"
            color="inherit"
            startIcon={<PlusIcon />}
          >
            {t('record.mortality')}
          </Button>
        )}
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
            verdict={verdict}
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
        <Typography variant="h2" sx={{ flex: '1 1 auto' }}>
          {t('unit.water')}
        </Typography>
        <Segments
          label={t('charts.span')}
          value={span.key}
          options={spans.map(({ key, seconds }) => [
            key,
            key === 'cycle' ? t('charts.cycle') : shortAgeText(seconds),
          ])}
          onChange={(key) => {
            setSpanKey(key);
            setZoom(null);
          }}
        />
      </Box>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 2 }}>
        <Typography variant="body2" color="textSecondary" sx={{ flex: '1 1 12rem' }}>
          {MARKED.map((kind) => `${GLYPHS[kind]} ${t(`marker.${kind}`)}`).join('   ')} ·{' '}
          {t('charts.zoom_text')}; {t('charts.pan_text')}; {t('charts.keys_text')}
        </Typography>
        <ChartControls asked={asked} onZoom={setZoom} />
        {others.length > 0 && (
          <SelectField
            label={t('charts.compare')}
            value={compared}
            options={[['', '–'], ...others.map((item) => [item.unit.slug, item.unit.name] as const)]}
            onChange={setCompared}
            sx={{ minWidth: '10rem' }}
          />
        )}
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
              asked={asked}
              timezone={site.timezone}
              markers={markers}
              otherChannel={beside?.find((each) => each.quantity === reading.quantity)?.channel_id ?? null}
              onZoom={setZoom}
            />
          </Card>
        ))}
        <Card key={`counts of ${unit.id}`}>
          <CountPanel unit={unit} asked={asked} timezone={site.timezone} markers={markers} onZoom={setZoom} />
        </Card>
      </Box>
      <Card title={t('pair.title')}>
        <PairPanel
          unit={unit}
          units={snapshot.latest.units}
          asked={asked}
          timezone={site.timezone}
          onZoom={setZoom}
        />
      </Card>
      <Card title={t('limits.title')}>
        <LimitList readings={readings} />
      </Card>
      <Card title={t('before.title')}>
        <BeforePanel unit={unit.id} timezone={site.timezone} />
      </Card>
    </Box>
  );
}

const MARKED: readonly MarkerKind[] = ['alarm', 'feeding', 'treatment', 'mortality', 'model'];

/** The time since the fish of a unit came in. */
function useCycle(site: string, unit: string, serverTime: string): Span {
  const stocked = useRecords(site, 'stocking').data?.items.find(
    ({ record, struck_at: struck }) => !struck && 'unit' in record && record.unit === unit,
  );
  // Whole hours, so that the span does not change with every answer.
  const seconds =
    stocked === undefined
      ? CYCLE_S
      : Math.ceil((Date.parse(serverTime) - Date.parse(stocked.record.occurred_at)) / 3_600_000) * 3_600;
  return useMemo(() => ({ key: 'cycle', seconds, pollMs: 600_000 }), [seconds]);
}
