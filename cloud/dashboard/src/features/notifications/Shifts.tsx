/** Who is called when: duties that come every week, in farm time. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import Typography from '@mui/material/Typography';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { onCall, setOnCall } from '../../api/endpoints';
import type { Contact, Shift } from '../../api/types';
import { locale, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { useRows } from '../../kit/rows';
import { SelectField } from '../../kit/SelectField';
import { Table } from '../../kit/Table';
import { useMay } from '../auth/useMay';
import { useContacts } from './queries';
import { DUTIES, MAX_SHIFTS } from './rules';

export function Shifts({ site }: { site: string }): JSX.Element {
  const contacts = useContacts();
  const [editing, setEditing] = useState(false);
  const manager = useMay('farm_manager');
  const query = useQuery({
    queryKey: ['on call', site],
    queryFn: ({ signal }) => onCall(site, signal),
    refetchInterval: 60_000,
  });
  return (
    <Card title={t('oncall.shifts')}>
      <Answer query={query}>
        {({ shifts }) =>
          editing && contacts.data !== undefined ? (
            <ShiftsForm
              site={site}
              shifts={shifts}
              contacts={contacts.data}
              onDone={() => setEditing(false)}
            />
          ) : (
            <>
              <Table
                label={t('oncall.shifts')}
                rows={shifts}
                rowKey={(each) => JSON.stringify(each)}
                empty={t('oncall.no_shifts')}
                columns={[
                  {
                    head: t('oncall.name'),
                    cell: (each) =>
                      contacts.data?.find(({ id }) => id === each.contact_id)?.name ?? `#${each.contact_id}`,
                  },
                  { head: t('oncall.duty'), cell: (each) => t(`duty.${each.duty}`) },
                  { head: t('oncall.days'), cell: (each) => each.weekdays.map(weekday).join(', ') },
                  { head: t('oncall.hours'), cell: (each) => `${each.start}–${each.end}` },
                ]}
              />
              {manager && (contacts.data?.length ?? 0) > 0 && (
                <Button variant="outlined" color="inherit" onClick={() => setEditing(true)} sx={{ mt: 1.5 }}>
                  {t('oncall.edit_shifts')}
                </Button>
              )}
            </>
          )
        }
      </Answer>
    </Card>
  );
}

interface FormProps {
  site: string;
  shifts: readonly Shift[];
  contacts: readonly Contact[];
  onDone: () => void;
}

const ALL_DAYS = [0, 1, 2, 3, 4, 5, 6];
const AROUND_THE_CLOCK = { duty: 'primary', weekdays: ALL_DAYS, start: '00:00', end: '00:00' } as const;

function ShiftsForm({ site, shifts, contacts, onDone }: FormProps): JSX.Element {
  const client = useQueryClient();
  const { rows, add, change, remove } = useRows(() => shifts);
  const save = useMutation({
    mutationFn: () => setOnCall(site, { shifts: rows.map(({ row }) => row) }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['on call', site] });
      onDone();
    },
  });
  const someone = contacts[0];
  const whole = rows.every(({ row }) => row.weekdays.length > 0 && row.start !== '' && row.end !== '');
  return (
    <Box
      component="form"
      aria-label={t('oncall.edit_shifts')}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
      sx={{ display: 'grid', gap: 2 }}
    >
      <Typography variant="body2" color="textSecondary">
        {t('oncall.shifts_text')}
      </Typography>
      {rows.map(({ key, row: shift }) => (
        <Box key={key} data-testid="shift" sx={rowSx}>
          <SelectField
            label={t('oncall.name')}
            value={shift.contact_id}
            options={contacts.map(({ id, name }) => [id, name])}
            onChange={(id) => change(key, { contact_id: id })}
          />
          <SelectField
            label={t('oncall.duty')}
            value={shift.duty}
            options={DUTIES.map((duty) => [duty, t(`duty.${duty}`)])}
            onChange={(duty) => change(key, { duty })}
          />
          <ToggleButtonGroup
            value={shift.weekdays}
            aria-label={t('oncall.days')}
            onChange={(_event, days: number[]) => change(key, { weekdays: [...days].sort() })}
            sx={{ flexWrap: 'wrap' }}
          >
            {ALL_DAYS.map((day) => (
              <ToggleButton key={day} value={day} sx={{ px: 1.25, minHeight: '3.5rem' }}>
                {weekday(day)}
              </ToggleButton>
            ))}
          </ToggleButtonGroup>
          <TextField
            type="time"
            label={t('oncall.from')}
            required
            value={shift.start}
            onChange={(event) => change(key, { start: event.target.value })}
            slotProps={{ inputLabel: { shrink: true } }}
          />
          <TextField
            type="time"
            label={t('oncall.to')}
            required
            value={shift.end}
            helperText={shift.end <= shift.start ? t('oncall.next_day') : ''}
            onChange={(event) => change(key, { end: event.target.value })}
            slotProps={{ inputLabel: { shrink: true } }}
          />
          <Button color="inherit" onClick={() => remove(key)} sx={{ minHeight: '3.5rem' }}>
            {t('oncall.remove')}
          </Button>
        </Box>
      ))}
      {save.error !== null && <Alert severity="error">{save.error.message}</Alert>}
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
        <Button
          variant="outlined"
          color="inherit"
          disabled={rows.length >= MAX_SHIFTS || someone === undefined}
          onClick={() => {
            if (someone !== undefined) add({ ...AROUND_THE_CLOCK, contact_id: someone.id });
          }}
        >
          {t('oncall.add_shift')}
        </Button>
        <Box sx={{ flex: 1 }} />
        <Button color="inherit" onClick={onDone}>
          {t('action.cancel')}
        </Button>
        <Button type="submit" variant="contained" disableElevation disabled={!whole || save.isPending}>
          {t('records.save')}
        </Button>
      </Box>
    </Box>
  );
}

const rowSx = {
  display: 'flex',
  flexWrap: 'wrap',
  gap: 1.5,
  alignItems: 'flex-start',
  pb: 2,
  borderBottom: '1px solid',
  borderColor: 'divider',
  '& .MuiTextField-root': { flex: '1 1 9rem' },
};

/** Short name of a day; 0 is Monday. The first of January 2024 was one. */
function weekday(day: number): string {
  return new Intl.DateTimeFormat(locale(), { weekday: 'short', timeZone: 'UTC' }).format(
    Date.UTC(2024, 0, 1 + day),
  );
}
