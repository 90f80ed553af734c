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
import { RowButton } from '../../kit/RowButton';
import { useRows } from '../../kit/rows';
import { SelectField } from '../../kit/SelectField';
import { Table } from '../../kit/Table';
import { shortAgeText } from '../../kit/time';
import { SEVERITIES, severityText } from '../alarms/order';
import { useLadders } from '../alarms/queries';
import { SeverityMark } from '../alarms/SeverityMark';
import { useMay } from '../auth/useMay';
import { CHANNELS, DUTIES, ladderFaults, MAX_STEPS, withLadder } from './rules';

export function Ladders({ site }: { site: string }): JSX.Element {
  const query = useLadders(site);
  const [editing, setEditing] = useState<Severity | null>(null);
  const manager = useMay('farm_manager');
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
                      <RowButton
                        action={t('access.change')}
                        of={severityText(severity)}
                        onClick={() => setEditing(severity)}
                      />
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

type Hours = NonNullable<Ladder['hours']>;

interface Rung {
  readonly minutes: string;
  readonly to: Duty;
  readonly channels: readonly Channel[];
}

function LadderDialog({ site, severity, shown, onClose }: DialogProps): JSX.Element {
  const client = useQueryClient();
  const now = shown.ladders[severity];
  const { rows, add, change, remove } = useRows<Rung>(() =>
    (now?.steps ?? []).map(({ after_s: after, to, channels }) => ({
      minutes: String(after / 60),
      to,
      channels,
    })),
  );
  const [repeat, setRepeat] = useState(now?.repeat_s == null ? '' : String(now.repeat_s / 60));
  const [rounds, setRounds] = useState(String(now?.rounds ?? 0));
  const [hours, setHours] = useState<Hours>(now?.hours ?? 'always');
  const save = useMutation({
    mutationFn: (ladder: Ladder | null) => setSiteLadders(site, withLadder(shown, severity, ladder)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['ladders', site] });
      onClose();
    },
  });
  const ladder: Ladder = {
    steps: rows.map(({ row: { minutes, to, channels } }) => ({
      after_s: Number(minutes) * 60,
      to,
      channels: [...channels],
    })),
    repeat_s: repeat === '' ? null : Number(repeat) * 60,
    rounds: Number(rounds),
    hours,
  };
  const faults = ladderFaults(ladder);
  const last = Math.max(-5, ...rows.map(({ row }) => Number(row.minutes)));
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
      {rows.map(({ key, row }) => (
        <Box key={key} data-testid="rung" sx={rungSx}>
          <TextField
            label={t('oncall.after_min')}
            value={row.minutes}
            inputMode="decimal"
            onChange={(event) => change(key, { minutes: event.target.value })}
            sx={{ maxWidth: '8rem' }}
          />
          <SelectField
            label={t('oncall.duty')}
            value={row.to}
            options={DUTIES.map((duty) => [duty, t(`duty.${duty}`)])}
            onChange={(to) => change(key, { to })}
          />
          <TextField
            select
            label={t('oncall.way')}
            value={row.channels}
            onChange={(event) => change(key, { channels: event.target.value as unknown as Channel[] })}
            slotProps={{ select: { multiple: true } }}
          >
            {CHANNELS.map((channel) => (
              <MenuItem key={channel} value={channel}>
                {t(`channel.${channel}`)}
              </MenuItem>
            ))}
          </TextField>
          <Button color="inherit" onClick={() => remove(key)} sx={{ minHeight: '3.5rem' }}>
            {t('oncall.remove')}
          </Button>
        </Box>
      ))}
      <Button
        variant="outlined"
        color="inherit"
        disabled={rows.length >= MAX_STEPS}
        onClick={() => add({ minutes: String(last + 5), to: 'everyone', channels: ['sms'] })}
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
        <SelectField
          label={t('oncall.hours')}
          value={hours}
          options={[
            ['always', t('oncall.always')],
            ['office', t('oncall.office')],
          ]}
          onChange={setHours}
        />
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
