/** What a box is asked to do from afar: diagnostics, another level of its log for a while; where each order stands. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { downloadArchive, listCommands, orderDiagnostics, orderLogLevel } from '../../api/endpoints';
import type { Device, DeviceCommand, LogLevelName } from '../../api/types';
import { numberText, t } from '../../i18n';
import { AskForm } from '../../kit/AskForm';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';

const POLL_MS = 10_000;
const WAITING_POLL_MS = 2_000;
const LEVELS: readonly LogLevelName[] = ['debug', 'info', 'warning', 'error'];
const MINUTES: readonly number[] = [10, 30, 120, 720];

interface Props {
  device: Device;
  timezone: string;
}

export function CommandsPart({ device, timezone }: Props): JSX.Element {
  const { site, slug } = device;
  const [level, setLevel] = useState<LogLevelName>('debug');
  const [minutes, setMinutes] = useState(30);
  const client = useQueryClient();
  const key = ['commands', site, slug];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => listCommands(site, slug, signal),
    refetchInterval: ({ state }) => (state.data?.items.some(isOpen) === true ? WAITING_POLL_MS : POLL_MS),
  });
  const settled = { onSettled: () => client.invalidateQueries({ queryKey: key }) };
  const diagnostics = useMutation({ mutationFn: () => orderDiagnostics(site, slug), ...settled });
  const log = useMutation({ mutationFn: () => orderLogLevel(site, slug, level, minutes), ...settled });
  const fetching = useMutation({ mutationFn: (id: string) => downloadArchive(site, slug, id) });
  const error = diagnostics.error ?? log.error ?? fetching.error ?? query.error;
  const commands = query.data?.items ?? [];
  return (
    <Box data-testid="commands" sx={{ mt: 2, display: 'grid', gap: 1.5 }}>
      <Box>
        <Button variant="outlined" disabled={diagnostics.isPending} onClick={() => diagnostics.mutate()}>
          {t('commands.ask_diagnostics')}
        </Button>
      </Box>
      <AskForm action={t('commands.set_level')} disabled={log.isPending} onSubmit={() => log.mutate()}>
        <TextField
          select
          label={t('commands.level')}
          value={level}
          onChange={(event) => setLevel(LEVELS.find((one) => one === event.target.value) ?? 'debug')}
        >
          {LEVELS.map((one) => (
            <MenuItem key={one} value={one}>
              {one}
            </MenuItem>
          ))}
        </TextField>
        <TextField
          select
          label={t('commands.minutes')}
          value={String(minutes)}
          onChange={(event) => setMinutes(Number(event.target.value))}
        >
          {MINUTES.map((one) => (
            <MenuItem key={one} value={String(one)}>
              {numberText(one)}
            </MenuItem>
          ))}
        </TextField>
      </AskForm>
      {error !== null && <Alert severity="error">{error.message}</Alert>}
      {commands.length > 0 && (
        <Table
          label={t('commands.title')}
          rows={commands}
          rowKey={({ id }) => id}
          columns={[
            {
              head: t('commands.ordered_at'),
              cell: ({ issued_at: at, issued_by: by }) => `${farmDateTime(Date.parse(at), timezone)}, ${by}`,
            },
            { head: t('commands.what'), cell: (command) => whatText(command) },
            {
              head: t('commands.state'),
              cell: (command) => <State command={command} timezone={timezone} />,
            },
            {
              head: t('commands.archive'),
              cell: ({ id, archive }) =>
                archive === null ? (
                  '–'
                ) : (
                  <Button size="small" disabled={fetching.isPending} onClick={() => fetching.mutate(id)}>
                    {t('commands.download', { size: numberText(Math.ceil(archive.bytes / 1000)) })}
                  </Button>
                ),
            },
          ]}
        />
      )}
    </Box>
  );
}

function isOpen({ state }: DeviceCommand): boolean {
  return state === 'ordered' || state === 'sent';
}

function whatText({ name, arguments: given }: DeviceCommand): string {
  if (name === 'diagnostics') return t('commands.diagnostics');
  return t('commands.level_for', { level: String(given['level']), minutes: String(given['minutes']) });
}

function State({ command, timezone }: { command: DeviceCommand; timezone: string }): JSX.Element {
  const { state, reason, ends_at: ends, expires_at: expires } = command;
  return (
    <>
      <Box sx={{ fontWeight: 650 }}>{t(`commands.state_${state}`)}</Box>
      {isOpen(command) && t('commands.until', { at: farmDateTime(Date.parse(expires), timezone) })}
      {ends !== null && <Box>{t('commands.ends', { at: farmDateTime(Date.parse(ends), timezone) })}</Box>}
      <Box sx={{ overflowWrap: 'anywhere' }}>{reason}</Box>
    </>
  );
}
