/** How every box is, by what it last said of itself; the worst first. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { MOST_BOXES } from '../../api/endpoints';
import type { DeviceHealth } from '../../api/types';
import { counted, numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { useNow } from '../../kit/clock';
import { csvText } from '../../kit/csv';
import { keepText } from '../../kit/file';
import { CheckIcon, UnlinkIcon } from '../../kit/icons';
import { sizeText } from '../../kit/size';
import { Table } from '../../kit/Table';
import { shortAgeText } from '../../kit/time';
import { BoxFilter, EVERY_BOX, hasText } from './BoxFilter';
import { DeviceDrawer } from './DeviceDrawer';
import { byRisk, hottestOf, nameOf, streamsOf, type BoxHealth } from './fleet';
import { useHealth } from './fleetQueries';
import { Risks } from './marks';
import { certificateText, clockText, toldText } from './texts';

interface Props {
  site: string;
  timezone: string;
  skewMs: number;
}

export function HealthPart({ site, timezone, skewMs }: Props): JSX.Element {
  const [choice, setChoice] = useState(EVERY_BOX);
  const [shown, setShown] = useState<string | null>(null);
  // Once in ten seconds is often enough to judge ages by.
  const nowMs = useNow((now) => Math.floor((now.wallMs + skewMs) / 10_000) * 10_000);
  const query = useHealth(choice.all ? null : site);
  const rows = byRisk(query.data ?? [], nowMs).filter(
    ({ box, risks }) =>
      (!choice.bad || risks.length > 0) &&
      hasText(choice.search, nameOf(box), box.model, ...risks.map((risk) => risk.words)),
  );
  return (
    <>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1.5 }}>
        {t('fleet.health_text')}
      </Typography>
      <BoxFilter
        choice={choice}
        onChange={setChoice}
        badText={t('fleet.only_wrong')}
        csvDisabled={rows.length === 0}
        onCsv={() => keepText('health.csv', healthCsv(rows))}
      />
      <Answer
        query={query}
        empty={{
          when: (all) => all.length === 0,
          title: t('link.no_device'),
          text: t('link.no_device_text'),
        }}
      >
        {(all) => (
          <Card>
            <Table
              label={t('fleet.health')}
              rows={rows}
              rowKey={({ box }) => nameOf(box)}
              empty={choice.search === '' ? t('fleet.all_well') : t('fleet.nothing_found')}
              columns={[
                {
                  head: t('fleet.box'),
                  cell: ({ box }) => <BoxButton box={box} onOpen={() => setShown(nameOf(box))} />,
                },
                { head: t('fleet.wrong'), cell: ({ risks }) => <Risks risks={risks} /> },
                { head: t('fleet.told'), cell: ({ box }) => toldText(box, nowMs) },
                { head: t('fleet.certificate'), cell: ({ box }) => certificateText(box, nowMs) },
                {
                  head: t('fleet.disk'),
                  cell: ({ box }) => (box.disk_free_bytes === null ? '–' : sizeText(box.disk_free_bytes)),
                  align: 'right',
                },
                { head: t('fleet.clock'), cell: ({ box }) => clockText(box) },
                { head: t('fleet.heat'), cell: ({ box }) => heatText(box), align: 'right' },
                { head: t('fleet.cameras'), cell: ({ box }) => camerasText(box) },
                { head: t('fleet.oldest_stream'), cell: ({ box }) => oldestText(box) },
                {
                  head: t('fleet.outbox'),
                  cell: ({ box }) =>
                    box.outbox_rows === null ? '–' : counted('fleet.messages', box.outbox_rows),
                },
              ]}
            />
            {all.length >= MOST_BOXES && (
              <Typography color="textSecondary">{t('fleet.cut', { n: MOST_BOXES })}</Typography>
            )}
          </Card>
        )}
      </Answer>
      {shown !== null && (
        <DeviceDrawer
          name={shown}
          health={query.data?.find((box) => nameOf(box) === shown)}
          timezone={timezone}
          nowMs={nowMs}
          onClose={() => setShown(null)}
        />
      )}
    </>
  );
}

function BoxButton({ box, onOpen }: { box: DeviceHealth; onOpen: () => void }): JSX.Element {
  const online = box.state === 'online';
  return (
    <Box sx={{ minWidth: '8rem' }}>
      <Button
        variant="text"
        onClick={onOpen}
        sx={{
          px: 0.5,
          ml: -0.5,
          justifyContent: 'flex-start',
          textAlign: 'left',
          overflowWrap: 'anywhere',
          whiteSpace: { sm: 'nowrap' },
        }}
      >
        {nameOf(box)}
      </Button>
      <Box
        sx={{
          display: 'flex',
          alignItems: 'center',
          gap: 0.5,
          fontSize: '0.875rem',
          color: online ? 'live' : box.state === 'offline' ? 'severity.major' : 'stale',
        }}
      >
        {online ? <CheckIcon /> : <UnlinkIcon />}
        {t(`device.${box.state}`)}
      </Box>
    </Box>
  );
}

function heatText(box: DeviceHealth): string {
  const hottest = hottestOf(box);
  return hottest === null ? '–' : `${numberText(hottest, 0)} °C`;
}

function camerasText({ cameras }: DeviceHealth): JSX.Element | string {
  if (cameras.length === 0) return '–';
  return (
    <>
      {cameras.map((camera) => (
        <Box key={camera.name} sx={{ whiteSpace: { sm: 'nowrap' } }}>
          {`${camera.name}: ${numberText(camera.fps, 1)} fps`}
        </Box>
      ))}
    </>
  );
}

function oldestText(box: DeviceHealth): string {
  const [oldest] = streamsOf(box);
  return oldest === undefined ? '–' : `${oldest[0]}: ${shortAgeText(oldest[1])}`;
}

function healthCsv(rows: readonly BoxHealth[]): string {
  const text = (value: string | number | boolean | null): string => (value === null ? '' : String(value));
  return csvText([
    [
      ...[
        'device',
        'state',
        'observed_at',
        'wrong',
        'certificate_expires_at',
        'disk_free_bytes',
        'clock_trusted',
      ],
      ...[
        'hottest_c',
        'cameras_fps',
        'channel_age_s',
        'outbox_rows',
        'model',
        'agent_version',
        'last_seen_at',
      ],
    ],
    ...rows.map(({ box, risks }) => [
      nameOf(box),
      box.state,
      text(box.observed_at),
      risks.map((risk) => risk.words).join('; '),
      text(box.certificate_expires_at),
      text(box.disk_free_bytes),
      text(box.clock_trusted),
      text(hottestOf(box)),
      box.cameras.map((camera) => `${camera.name} ${String(camera.fps)}`).join('; '),
      streamsOf(box)
        .map(([name, age]) => `${name} ${String(age)}`)
        .join('; '),
      text(box.outbox_rows),
      text(box.model),
      text(box.agent_version),
      text(box.last_seen_at),
    ]),
  ]);
}
