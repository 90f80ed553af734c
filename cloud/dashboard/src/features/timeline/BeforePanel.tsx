/** What changed before it died: diary, alarms, doubted readings, unusual values, devices and pictures of a unit in one list. */
import Box from '@mui/material/Box';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { before } from '../../api/endpoints';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Segments } from '../../kit/Segments';
import { farmDateTime, shortAgeText } from '../../kit/time';

const HOURS = [6, 24, 48, 168] as const;

export function BeforePanel({ unit, timezone }: { unit: number; timezone: string }): JSX.Element {
  const [hours, setHours] = useState<number>(48);
  const [at, setAt] = useState('');
  const moment = at === '' ? null : new Date(at).toISOString();
  const query = useQuery({
    queryKey: ['before', unit, hours, moment],
    queryFn: ({ signal }) => before(unit, moment ?? new Date().toISOString(), hours, signal),
    refetchInterval: 60_000,
  });
  return (
    <Box sx={{ display: 'grid', gap: 1.5 }}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'center' }}>
        <TextField
          type="datetime-local"
          label={t('before.at')}
          value={at}
          onChange={(event) => setAt(event.target.value)}
          slotProps={{ inputLabel: { shrink: true } }}
        />
        <Segments
          label={t('period.title')}
          value={hours}
          options={HOURS.map((each) => [each, shortAgeText(each * 3600)])}
          onChange={setHours}
        />
      </Box>
      <Answer query={query} empty={{ when: (found) => found.items.length === 0, title: t('before.none') }}>
        {(found) => (
          <Box
            component="ol"
            tabIndex={0}
            aria-label={t('before.title')}
            data-testid="before"
            sx={{
              listStyle: 'none',
              m: 0,
              p: 0,
              display: 'grid',
              gap: 1,
              maxHeight: '28rem',
              overflowY: 'auto',
            }}
          >
            {[...found.items].reverse().map((item) => (
              <Box
                component="li"
                key={`${item.kind} ${item.link} ${item.at}`}
                sx={{ display: 'grid', gridTemplateColumns: '7.5rem 6rem 1fr', columnGap: 1.5 }}
              >
                <Typography variant="body2" color="textSecondary">
                  {farmDateTime(Date.parse(item.at), timezone)}
                </Typography>
                <Typography variant="body2" sx={{ fontWeight: 650 }}>
                  {t(`happening.${item.kind}`)}
                </Typography>
                <Typography variant="body2">{item.words}</Typography>
              </Box>
            ))}
          </Box>
        )}
      </Answer>
    </Box>
  );
}
