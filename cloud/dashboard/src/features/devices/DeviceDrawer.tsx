/** Everything that is known of one box: what is wrong, what runs with whole hashes, heat, cameras, streams, and its tags. */
import Box from '@mui/material/Box';
import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX, type ReactNode } from 'react';
import { listDevices, setDeviceTags } from '../../api/endpoints';
import type { Device, DeviceHealth, DeviceStanding, Standing } from '../../api/types';
import { numberText, t, word } from '../../i18n';
import { AskForm } from '../../kit/AskForm';
import { Facts, type Fact } from '../../kit/Facts';
import { CloseIcon } from '../../kit/icons';
import { sizeText } from '../../kit/size';
import { Table } from '../../kit/Table';
import { farmDateTime, shortAgeText } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { namesOf, risksOf, secondsSince, streamsOf, verdictOf, type Verdict } from './fleet';
import { Risks, VerdictMark } from './marks';
import { certificateText, clockText, toldText } from './texts';

interface Props {
  /** `site/device`. */
  name: string;
  health: DeviceHealth | undefined;
  /** What runs on it, where that is known. */
  device?: DeviceStanding | undefined;
  timezone: string;
  nowMs: number;
  onClose: () => void;
}

export function DeviceDrawer({ name, health, device, timezone, nowMs, onClose }: Props): JSX.Element {
  return (
    <Drawer
      anchor="right"
      open
      onClose={onClose}
      slotProps={{
        paper: {
          role: 'dialog',
          'aria-label': name,
          sx: { bgcolor: 'background.default', width: { xs: '100%', sm: '32rem' }, p: 2 },
        },
      }}
    >
      <Box
        data-testid="device-drawer"
        sx={{ display: 'grid', gap: 2.5, gridTemplateColumns: 'minmax(0, 1fr)' }}
      >
        <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
          <Typography variant="h2" sx={{ flex: 1, overflowWrap: 'anywhere' }}>
            {name}
          </Typography>
          <IconButton aria-label={t('action.close')} autoFocus onClick={onClose}>
            <CloseIcon />
          </IconButton>
        </Box>
        {health !== undefined && <Health box={health} timezone={timezone} nowMs={nowMs} />}
        {device?.items.map((standing) => (
          <Hashes
            key={standing.kind}
            standing={standing}
            verdict={verdictOf(standing, device.last_seen_at, nowMs)}
            timezone={timezone}
          />
        ))}
        {health !== undefined && <Measures box={health} nowMs={nowMs} />}
        <Tags name={name} />
      </Box>
    </Drawer>
  );
}

interface HealthProps {
  box: DeviceHealth;
  timezone: string;
  nowMs: number;
}

function Health({ box, timezone, nowMs }: HealthProps): JSX.Element {
  const or = (value: number | null, text: (value: number) => string): string =>
    value === null ? '–' : text(value);
  const facts: Fact[] = [
    [t('fleet.link'), t(`device.${box.state}`)],
    [
      t('devices.heard'),
      box.last_seen_at === null ? '–' : farmDateTime(Date.parse(box.last_seen_at), timezone),
    ],
    [t('fleet.told'), toldText(box.observed_at, nowMs)],
    [t('devices.version'), box.agent_version ?? '–'],
    [t('fleet.model'), box.model ?? '–'],
    [t('fleet.certificate'), certificateText(box, nowMs)],
    [t('fleet.clock'), clockText(box)],
    [t('fleet.disk'), or(box.disk_free_bytes, sizeText)],
    [t('fleet.memory'), or(box.rss_bytes, sizeText)],
    [t('fleet.processor'), or(box.cpu_percent, (percent) => `${numberText(percent, 0)} %`)],
    [t('fleet.uptime'), or(box.uptime_s, shortAgeText)],
  ];
  return (
    <>
      <Section title={t('fleet.wrong')}>
        <Risks risks={risksOf(box, nowMs)} />
      </Section>
      <Facts facts={facts} />
    </>
  );
}

interface HashesProps {
  standing: Standing;
  verdict: Verdict;
  timezone: string;
}

function Hashes({ standing, verdict, timezone }: HashesProps): JSX.Element {
  const { desired, reported, running } = standing;
  const at = (moment: string): string => farmDateTime(Date.parse(moment), timezone);
  const lines: [string, string, string | null | undefined][] = [
    [t('fleet.desired'), desired === null ? '–' : `${desired.name} ${desired.version}`, desired?.sha256],
    [
      t('fleet.reported'),
      reported === null ? '–' : `${word('deployment_state', reported.state)}, ${at(reported.at)}`,
      reported?.sha256,
    ],
    [t('fleet.verified'), '', standing.verified_sha256],
    [t('fleet.committed'), '', standing.committed_sha256],
    [t('fleet.running'), running === null ? '–' : `${running.name} ${at(running.at)}`, running?.sha256],
  ];
  return (
    <Section title={t(`releases.kind.${standing.kind}`)}>
      <VerdictMark verdict={verdict} />
      {reported !== null && reported.reason !== '' && (
        <Typography variant="body2">{reported.reason}</Typography>
      )}
      <Box component="dl" sx={{ m: 0, mt: 1, display: 'grid', gap: 1 }}>
        {lines.map(([what, words, hash]) => (
          <div key={what}>
            <Typography component="dt" variant="caption" color="textSecondary">
              {what}
            </Typography>
            <Typography component="dd" sx={{ m: 0 }}>
              {words}
              <Box
                component="code"
                sx={{ display: 'block', fontSize: '0.8125rem', overflowWrap: 'anywhere' }}
              >
                {hash ?? '–'}
              </Box>
            </Typography>
          </div>
        ))}
      </Box>
    </Section>
  );
}

function Measures({ box, nowMs }: { box: DeviceHealth; nowMs: number }): JSX.Element {
  if (box.observed_at === null)
    return <Typography color="textSecondary">{t('fleet.nothing_told')}</Typography>;
  const since = secondsSince(box.observed_at, nowMs);
  const zones = Object.entries(box.temperatures_c);
  const streams = streamsOf(box);
  return (
    <>
      {zones.length > 0 && (
        <Section title={t('fleet.temperatures')}>
          <Facts facts={zones.map(([zone, celsius]) => [zone, `${numberText(celsius, 1)} °C`])} />
        </Section>
      )}
      {box.cameras.length > 0 && (
        <Section title={t('fleet.cameras')}>
          <Table
            label={t('fleet.cameras')}
            rows={box.cameras}
            rowKey={(camera) => camera.name}
            columns={[
              { head: t('fleet.camera'), cell: (camera) => camera.name },
              { head: t('commands.state'), cell: (camera) => camera.state },
              { head: 'fps', cell: (camera) => numberText(camera.fps, 1), align: 'right' },
            ]}
          />
        </Section>
      )}
      {streams.length > 0 && (
        <Section title={t('devices.streams')}>
          <Table
            label={t('devices.streams')}
            rows={streams}
            rowKey={([channel]) => channel}
            columns={[
              { head: t('devices.channel'), cell: ([channel]) => <code>{channel}</code> },
              {
                head: t('devices.heard'),
                cell: ([, age]) => t('age.ago', { age: shortAgeText(age + since) }),
              },
            ]}
          />
        </Section>
      )}
    </>
  );
}

/** Words that people put on a box; rollouts choose by them. */
function Tags({ name }: { name: string }): JSX.Element | null {
  const [site = '', device = ''] = name.split('/');
  const mayChange = useMay('fleet_admin');
  const query = useQuery({
    queryKey: ['devices', 'of', site],
    queryFn: ({ signal }) => listDevices(site, signal),
  });
  const found = query.data?.find((one) => one.slug === device);
  if (found === undefined) return null;
  const { groups = [], tags = [] } = found;
  return (
    <Section title={t('fleet.groups')}>
      <Typography>{groups.join(', ') || '–'}</Typography>
      {mayChange ? (
        <TagForm key={tags.join(' ')} device={found} />
      ) : (
        <Typography>{`${t('fleet.tags')}: ${tags.join(', ') || '–'}`}</Typography>
      )}
    </Section>
  );
}

function TagForm({ device }: { device: Device }): JSX.Element {
  const [text, setText] = useState((device.tags ?? []).join(', '));
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => setDeviceTags(device.site, device.slug, namesOf(text)),
    onSettled: () => client.invalidateQueries({ queryKey: ['devices'] }),
  });
  return (
    <AskForm action={t('fleet.save')} disabled={save.isPending} onSubmit={() => save.mutate()}>
      <TextField
        label={t('fleet.tags')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        error={save.isError}
        helperText={save.error?.message ?? (save.isSuccess ? t('fleet.saved') : t('fleet.tags_text'))}
      />
    </AskForm>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }): JSX.Element {
  return (
    <Box component="section" aria-label={title} sx={{ minWidth: 0 }}>
      <Typography variant="h3" sx={{ mb: 0.75 }}>
        {title}
      </Typography>
      {children}
    </Box>
  );
}
