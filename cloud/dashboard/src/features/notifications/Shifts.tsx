/** Who is called when: duties that come every week, in farm time. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
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
import { Table } from '../../kit/Table';
import { reaches } from '../auth/rules';
import { useSession } from '../auth/useSession';
import { useContacts } from './queries';
import { DUTIES, MAX_SHIFTS } from './rules';

export function Shifts({ site }: { site: string }): JSX.Element {
  const contacts = useContacts();
  const [editing, setEditing] = useState(false);
  const manager = reaches(useSession()?.user.role ?? 'viewer', 'farm_manager');
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

function ShiftsForm({ site, shifts, contacts, onDone }: FormProps): JSX.Element {
  const client = useQueryClient();
  // A number of its own for each row, so that removing one does not move the others' fields.
  const [rows, setRows] = useState(() => shifts.map((shift, index) => ({ key: index, shift })));
  const save = useMutation({
    mutationFn: () => setOnCall(site, { shifts: rows.map(({ shift }) => shift) }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['on call', site] });
      onDone();
    },
  });
  const change = (key: number, part: Partial<Shift>): void =>
    setRows((old) => old.map((row) => (row.key === key ? { key, shift: { ...row.shift, ...part } } : row)));
  const add = (): void => {
    const contact = contacts[0];
    if (contact === undefined) return;
    const shift: Shift = {
      contact_id: contact.id,
      duty: 'primary',
      weekdays: ALL_DAYS,
      start: '00:00',
      end: '00:00',
    };
    setRows((old) => [...old, { key: 1 + Math.max(0, ...old.map((row) => row.key)), shift }]);
  };
  const whole = rows.every(
    ({ shift }) => shift.weekdays.length > 0 && shift.start !== '' && shift.end !== '',
  );
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
      {rows.map(({ key, shift }) => (
        <Box key={key} data-testid="shift" sx={rowSx}>
          <TextField
            select
            label={t('oncall.name')}
            value={shift.contact_id}
            onChange={(event) => change(key, { contact_id: Number(event.target.value) })}
          >
            {contacts.map((contact) => (
              <MenuItem key={contact.id} value={contact.id}>
                {contact.name}
              </MenuItem>
            ))}
          </TextField>
          <TextField
            select
            label={t('oncall.duty')}
            value={shift.duty}
            onChange={(event) => change(key, { duty: event.target.value as Shift['duty'] })}
          >
            {DUTIES.map((duty) => (
              <MenuItem key={duty} value={duty}>
                {t(`duty.${duty}`)}
              </MenuItem>
            ))}
          </TextField>
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
          <Button
            color="inherit"
            onClick={() => setRows((old) => old.filter((row) => row.key !== key))}
            sx={{ minHeight: '3.5rem' }}
          >
            {t('oncall.remove')}
          </Button>
        </Box>
      ))}
      {save.error !== null && <Alert severity="error">{save.error.message}</Alert>}
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
        <Button variant="outlined" color="inherit" disabled={rows.length >= MAX_SHIFTS} onClick={add}>
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
