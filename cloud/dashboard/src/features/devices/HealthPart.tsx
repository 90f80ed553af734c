/** How every box is, by what it last said of itself; the worst first. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import type { DeviceHealth } from '../../api/types';
import { counted, numberText, t } from '../../i18n';
import { csvText } from '../../kit/csv';
import { CheckIcon, UnlinkIcon } from '../../kit/icons';
import { sizeText } from '../../kit/size';
import { hasText } from './BoxFilter';
import { BoxButton, BoxTable, useBoxView, type FleetProps } from './BoxTable';
import { DeviceDrawer } from './DeviceDrawer';
import { byRisk, hottestOf, nameOf, streamsOf, type BoxHealth } from './fleet';
import { useHealth } from './fleetQueries';
import { Risks } from './marks';
import { certificateText, clockText, quietestText, toldText } from './texts';

export function HealthPart({ site, timezone, skewMs }: FleetProps): JSX.Element {
  const view = useBoxView({ site, skewMs });
  const { choice, shown, show, nowMs } = view;
  const query = useHealth(view.where);
  const rows = byRisk(query.data ?? [], nowMs).filter(
    ({ box, risks }) =>
      (!choice.bad || risks.length > 0) &&
      hasText(choice.search, nameOf(box), box.model, ...risks.map((risk) => risk.words)),
  );
  return (
    <>
      <BoxTable
        view={view}
        label={t('fleet.health')}
        text={t('fleet.health_text')}
        badText={t('fleet.only_wrong')}
        wellText={t('fleet.all_well')}
        query={query}
        rows={rows}
        rowKey={({ box }) => nameOf(box)}
        columns={[
          { head: t('fleet.box'), cell: ({ box }) => <LinkedBox box={box} onOpen={show} /> },
          { head: t('fleet.wrong'), cell: ({ risks }) => <Risks risks={risks} /> },
          { head: t('fleet.told'), cell: ({ box }) => toldText(box.observed_at, nowMs) },
          { head: t('fleet.certificate'), cell: ({ box }) => certificateText(box, nowMs) },
          {
            head: t('fleet.disk'),
            cell: ({ box }) => (box.disk_free_bytes === null ? '–' : sizeText(box.disk_free_bytes)),
            align: 'right',
          },
          { head: t('fleet.clock'), cell: ({ box }) => clockText(box) },
          { head: t('fleet.heat'), cell: ({ box }) => heatText(box), align: 'right' },
          { head: t('fleet.cameras'), cell: ({ box }) => camerasText(box) },
          { head: t('fleet.oldest_stream'), cell: ({ box }) => quietestText(box, nowMs) },
          {
            head: t('fleet.outbox'),
            cell: ({ box }) => (box.outbox_rows === null ? '–' : counted('fleet.messages', box.outbox_rows)),
          },
        ]}
        csv={{ name: 'health.csv', text: () => healthCsv(rows) }}
      />
      {shown !== null && (
        <DeviceDrawer
          name={shown}
          health={query.data?.find((box) => nameOf(box) === shown)}
          timezone={timezone}
          nowMs={nowMs}
          onClose={() => show(null)}
        />
      )}
    </>
  );
}

/** The name of a box over whether it is connected. */
function LinkedBox({ box, onOpen }: { box: DeviceHealth; onOpen: (name: string) => void }): JSX.Element {
  const online = box.state === 'online';
  return (
    <Box sx={{ minWidth: '8rem' }}>
      <BoxButton name={nameOf(box)} onOpen={onOpen} />
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
