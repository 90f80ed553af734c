/** What follows when nobody takes an alarm on: who is called after how long, by severity; as shipped, or the farm's own. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { setSiteLadders } from '../../api/endpoints';
import type { Channel, Duty, Ladder, Severity, ShownLadders } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { FormDialog } from '../../kit/FormDialog';
import { Table } from '../../kit/Table';
import { shortAgeText } from '../../kit/time';
import { SEVERITIES, severityText } from '../alarms/order';
import { useLadders } from '../alarms/queries';
import { SeverityMark } from '../alarms/SeverityMark';
import { reaches } from '../auth/rules';
import { useSession } from '../auth/useSession';
import { CHANNELS, DUTIES, ladderFaults, MAX_STEPS, withLadder } from './rules';

export function Ladders({ site }: { site: string }): JSX.Element {
  const query = useLadders(site);
  const [editing, setEditing] = useState<Severity | null>(null);
  const manager = reaches(useSession()?.user.role ?? 'viewer', 'farm_manager');
  return (
    <Card title={t('oncall.ladders')}>
      <Answer query={query}>
        {(shown) => (
          <>
            <Table
              label={t('oncall.ladders')}
              rows={SEVERITIES}
              rowKey={(severity) => severity}
              columns={[
                {
                  head: t('column.severity'),
                  cell: (severity) => (
                    <Box sx={{ display: 'flex', gap: 1, alignItems: 'center' }}>
                      <SeverityMark severity={severity} silent />
                      {severityText(severity)}
                    </Box>
                  ),
                },
                {
                  head: t('oncall.steps'),
                  cell: (severity: Severity) => <Steps ladder={shown.ladders[severity]} />,
                },
                {
                  head: t('column.owner'),
                  cell: (severity) => (shown.own.includes(severity) ? t('oncall.own') : t('oncall.shipped')),
                },
                {
                  head: '',
                  cell: (severity) =>
                    manager && (
                      <Button
                        color="inherit"
                        aria-label={`${t('access.change')} ${severityText(severity)}`}
                        onClick={() => setEditing(severity)}
                      >
                        {t('access.change')}
                      </Button>
                    ),
                },
              ]}
            />
            {editing !== null && (
              <LadderDialog
                key={editing}
                site={site}
                severity={editing}
                shown={shown}
                onClose={() => setEditing(null)}
              />
            )}
          </>
        )}
      </Answer>
    </Card>
  );
}

function Steps({ ladder }: { ladder: Ladder | undefined }): JSX.Element {
  return (
    <>
      <Box component="ol" sx={{ m: 0, pl: 2.5, minWidth: '14rem' }}>
        {(ladder?.steps ?? []).map((step) => (
          <li key={`${step.after_s} ${step.to}`}>
            {t('oncall.step', {
              time: shortAgeText(step.after_s),
              who: t(`duty.${step.to}`),
              channels: step.channels.map((channel) => t(`channel.${channel}`)).join(', '),
            })}
          </li>
        ))}
      </Box>
      {ladder?.repeat_s != null && ladder.rounds > 0 && (
        <Typography variant="caption" color="textSecondary">
          {t('oncall.repeats', { time: shortAgeText(ladder.repeat_s), n: ladder.rounds })}
        </Typography>
      )}
    </>
  );
}

interface DialogProps {
  site: string;
  severity: Severity;
  shown: ShownLadders;
  onClose: () => void;
}

interface Rung {
  readonly key: number;
  readonly minutes: string;
  readonly to: Duty;
  readonly channels: readonly Channel[];
}

function LadderDialog({ site, severity, shown, onClose }: DialogProps): JSX.Element {
  const client = useQueryClient();
  const now = shown.ladders[severity];
  const [rungs, setRungs] = useState<readonly Rung[]>(() =>
    (now?.steps ?? []).map((step, key) => ({
      key,
      minutes: String(step.after_s / 60),
      to: step.to,
      channels: step.channels,
    })),
  );
  const [repeat, setRepeat] = useState(now?.repeat_s == null ? '' : String(now.repeat_s / 60));
  const [rounds, setRounds] = useState(String(now?.rounds ?? 0));
  const [hours, setHours] = useState<Ladder['hours']>(now?.hours ?? 'always');
  const save = useMutation({
    mutationFn: (ladder: Ladder | null) => setSiteLadders(site, withLadder(shown, severity, ladder)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['ladders', site] });
      onClose();
    },
  });
  const ladder: Ladder = {
    steps: rungs.map(({ minutes, to, channels }) => ({
      after_s: Number(minutes) * 60,
      to,
      channels: [...channels],
    })),
    repeat_s: repeat === '' ? null : Number(repeat) * 60,
    rounds: Number(rounds),
    hours,
  };
  const faults = ladderFaults(ladder);
  const change = (key: number, part: Partial<Rung>): void =>
    setRungs((old) => old.map((rung) => (rung.key === key ? { ...rung, ...part } : rung)));
  const add = (): void =>
    setRungs((old) => [
      ...old,
      {
        key: 1 + Math.max(-1, ...old.map((rung) => rung.key)),
        minutes: String(5 + Math.max(-5, ...old.map((rung) => Number(rung.minutes)))),
        to: 'everyone',
        channels: ['sms'],
      },
    ]);
  return (
    <FormDialog
      title={t('oncall.ladder_of', { severity: severityText(severity) })}
      action={t('records.save')}
      disabled={faults.length > 0 || save.isPending}
      error={save.error}
      onSubmit={() => save.mutate(ladder)}
      onClose={onClose}
      width="md"
      also={
        shown.own.includes(severity) && (
          <Button
            color="inherit"
            disabled={save.isPending}
            onClick={() => save.mutate(null)}
            sx={{ mr: 'auto' }}
          >
            {t('oncall.use_shipped')}
          </Button>
        )
      }
    >
      {rungs.map((rung) => (
        <Box key={rung.key} data-testid="rung" sx={rungSx}>
          <TextField
            label={t('oncall.after_min')}
            value={rung.minutes}
            inputMode="decimal"
            onChange={(event) => change(rung.key, { minutes: event.target.value })}
            sx={{ maxWidth: '8rem' }}
          />
          <TextField
            select
            label={t('oncall.duty')}
            value={rung.to}
            onChange={(event) => change(rung.key, { to: event.target.value as Duty })}
          >
            {DUTIES.map((duty) => (
              <MenuItem key={duty} value={duty}>
                {t(`duty.${duty}`)}
              </MenuItem>
            ))}
          </TextField>
          <TextField
            select
            label={t('oncall.way')}
            value={rung.channels}
            onChange={(event) => change(rung.key, { channels: event.target.value as unknown as Channel[] })}
            slotProps={{ select: { multiple: true } }}
          >
            {CHANNELS.map((channel) => (
              <MenuItem key={channel} value={channel}>
                {t(`channel.${channel}`)}
              </MenuItem>
            ))}
          </TextField>
          <Button
            color="inherit"
            onClick={() => setRungs((old) => old.filter((each) => each.key !== rung.key))}
            sx={{ minHeight: '3.5rem' }}
          >
            {t('oncall.remove')}
          </Button>
        </Box>
      ))}
      <Button
        variant="outlined"
        color="inherit"
        disabled={rungs.length >= MAX_STEPS}
        onClick={add}
        sx={{ justifySelf: 'start' }}
      >
        {t('oncall.add_step')}
      </Button>
      <Box sx={rungSx}>
        <TextField
          label={t('oncall.repeat_min')}
          value={repeat}
          inputMode="decimal"
          helperText={t('oncall.repeat_text')}
          onChange={(event) => setRepeat(event.target.value.trim())}
        />
        <TextField
          label={t('oncall.rounds')}
          value={rounds}
          inputMode="numeric"
          onChange={(event) => setRounds(event.target.value.trim())}
        />
        <TextField
          select
          label={t('oncall.hours')}
          value={hours}
          onChange={(event) => setHours(event.target.value as Ladder['hours'])}
        >
          <MenuItem value="always">{t('oncall.always')}</MenuItem>
          <MenuItem value="office">{t('oncall.office')}</MenuItem>
        </TextField>
      </Box>
      {faults.map((fault) => (
        <Alert key={fault} severity="warning">
          {t(`ladder_fault.${fault}`)}
        </Alert>
      ))}
    </FormDialog>
  );
}

const rungSx = {
  display: 'flex',
  flexWrap: 'wrap',
  gap: 1.5,
  alignItems: 'flex-start',
  pt: 1,
  '& .MuiTextField-root': { flex: '1 1 10rem' },
};
