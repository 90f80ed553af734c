/** Every edge box: its link, its version and its streams; how all of them are; what runs on them; groups of them. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { useParams } from 'react-router';
import { listDevices } from '../../api/endpoints';
import type { Device, UnitLatest } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { useNow, type Moment } from '../../kit/clock';
import { CheckIcon, UnlinkIcon } from '../../kit/icons';
import { PageTitle } from '../../kit/PageTitle';
import { Table } from '../../kit/Table';
import { Tabs } from '../../kit/Tabs';
import { ageText, farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { FarmFrame, type FarmView } from '../farms/FarmFrame';
import { isStale, readingAge } from '../telemetry/staleness';
import { quantityText } from '../telemetry/units';
import { CommandsPart } from './CommandsPart';
import { GroupsPart } from './GroupsPart';
import { HealthPart } from './HealthPart';
import { RunsPart } from './RunsPart';

export default function DevicesPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {(view) => <Devices site={site} {...view} />}
    </FarmFrame>
  );
}

function Devices(view: FarmView & { site: string }): JSX.Element {
  const { site, skewMs } = view;
  const { timezone } = view.snapshot.latest.site;
  const isFleetAdmin = useMay('fleet_admin');
  const fleet = { site, skewMs, timezone };
  return (
    <Box sx={{ display: 'grid', gap: 1, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <PageTitle title={t('devices.title')} text={t('devices.text')} />
      <Box sx={{ minWidth: 0 }}>
        <Tabs
          label={t('devices.title')}
          parts={[
            { key: 'boxes', label: t('fleet.boxes'), content: () => <Boxes {...view} /> },
            { key: 'health', label: t('fleet.health'), content: () => <HealthPart {...fleet} /> },
            ...(isFleetAdmin
              ? [
                  { key: 'runs', label: t('fleet.runs'), content: () => <RunsPart {...fleet} /> },
                  { key: 'groups', label: t('fleet.groups'), content: () => <GroupsPart /> },
                ]
              : []),
          ]}
        />
      </Box>
    </Box>
  );
}

function Boxes({ site, snapshot, skewMs }: FarmView & { site: string }): JSX.Element {
  const query = useQuery({
    queryKey: ['devices', 'of', site],
    queryFn: ({ signal }) => listDevices(site, signal),
    refetchInterval: 10_000,
  });
  const { timezone } = snapshot.latest.site;
  return (
    <Answer
      query={query}
      empty={{
        when: (all) => all.length === 0,
        title: t('link.no_device'),
        text: t('link.no_device_text'),
      }}
    >
      {(all) => (
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
          {all.map((device) => (
            <DeviceCard key={device.id} device={device} skewMs={skewMs} timezone={timezone} />
          ))}
          <Card title={t('devices.streams')}>
            <Streams units={snapshot.latest.units} receivedAt={snapshot.receivedAt} />
          </Card>
        </Box>
      )}
    </Answer>
  );
}

interface DeviceProps {
  device: Device;
  skewMs: number;
  timezone: string;
}

function DeviceCard({ device, skewMs, timezone }: DeviceProps): JSX.Element {
  const seen = useNow((now) =>
    device.last_seen_at === null
      ? t('age.never')
      : t('age.ago', { age: ageText((now.wallMs + skewMs - Date.parse(device.last_seen_at)) / 1000) }),
  );
  const mayOrder = useMay('fleet_admin');
  const [open, setOpen] = useState(false);
  const online = device.state === 'online';
  const facts: [string, string][] = [
    [t('devices.heard'), seen],
    [t('devices.version'), device.agent_version ?? '–'],
    [
      t('devices.since'),
      device.state_at === null ? '–' : farmDateTime(Date.parse(device.state_at), timezone),
    ],
    [t('devices.name'), device.slug],
  ];
  return (
    <Card>
      <Box data-testid="device" sx={{ display: 'flex', alignItems: 'center', gap: 1, mb: 1 }}>
        <Typography variant="h2" sx={{ flex: 1 }}>
          {device.name}
        </Typography>
        <Box
          sx={{
            display: 'flex',
            alignItems: 'center',
            gap: 0.75,
            fontWeight: 650,
            color: online ? 'live' : device.state === 'offline' ? 'severity.major' : 'stale',
          }}
        >
          {online ? <CheckIcon /> : <UnlinkIcon />}
          {t(`device.${device.state}`)}
        </Box>
      </Box>
      <Box
        component="dl"
        sx={{ m: 0, display: 'grid', gap: 1.5, gridTemplateColumns: 'repeat(auto-fill, minmax(11rem, 1fr))' }}
      >
        {facts.map(([name, value]) => (
          <div key={name}>
            <Typography component="dt" variant="caption" color="textSecondary">
              {name}
            </Typography>
            <Typography component="dd" sx={{ m: 0, fontWeight: 600 }}>
              {value}
            </Typography>
          </div>
        ))}
      </Box>
      {mayOrder && (
        <Button color="inherit" aria-expanded={open} onClick={() => setOpen(!open)} sx={{ mt: 1 }}>
          {t('commands.title')}
        </Button>
      )}
      {mayOrder && open && <CommandsPart device={device} timezone={timezone} />}
    </Card>
  );
}

interface StreamsProps {
  units: readonly UnitLatest[];
  receivedAt: Moment;
}

interface Stream {
  unit: string;
  reading: UnitLatest['readings'][number];
}

function Streams({ units, receivedAt }: StreamsProps): JSX.Element {
  const streams: Stream[] = units.flatMap(({ unit, readings }) =>
    readings.map((reading) => ({ unit: unit.name, reading })),
  );
  return (
    <Table
      label={t('devices.streams')}
      rows={streams}
      rowKey={({ reading }) => reading.channel_id}
      columns={[
        { head: t('column.unit'), cell: ({ unit }) => unit },
        { head: t('column.what'), cell: ({ reading }) => quantityText(reading.quantity, reading.label) },
        { head: t('devices.channel'), cell: ({ reading }) => <code>{reading.channel}</code> },
        {
          head: t('devices.heard'),
          cell: ({ reading }) => <Heard reading={reading} receivedAt={receivedAt} />,
        },
      ]}
    />
  );
}

function Heard({ reading, receivedAt }: { reading: Stream['reading']; receivedAt: Moment }): JSX.Element {
  const stale = useNow((now) => isStale(reading, receivedAt, now));
  const age = useNow((now) => {
    const seconds = readingAge(reading, receivedAt, now);
    if (seconds === null) return t('age.never');
    return stale ? `${t('age.stale')} ${ageText(seconds)}` : ageText(seconds);
  });
  return <Box sx={stale ? { color: 'stale', fontWeight: 700 } : {}}>{age}</Box>;
}
