/** Do the alarms serve? Those that come too often, flutter or flood teach people not to look. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { AlarmPerformance } from '../../api/types';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { PeriodChoice } from '../../kit/period';
import { Table } from '../../kit/Table';
import { ageText } from '../../kit/time';
import { usePerformance } from './queries';

export function Performance({ site }: { site: string }): JSX.Element {
  const [days, setDays] = useState(7);
  const query = usePerformance(site, days);
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <PeriodChoice days={days} choices={[1, 7, 30]} onChange={setDays} />
      <Answer query={query}>{(found) => <Figures found={found} />}</Answer>
    </Box>
  );
}

function Figures({ found }: { found: AlarmPerformance }): JSX.Element {
  const time = (seconds: number | null): string => (seconds === null ? '–' : ageText(seconds));
  const figures: [string, string, string?][] = [
    [t('nuisance.per_day'), numberText(found.per_day, 1)],
    [t('nuisance.median'), time(found.acknowledge_p50_s)],
    [t('nuisance.p95'), time(found.acknowledge_p95_s)],
    [t('nuisance.unanswered'), numberText(found.unanswered)],
    [
      t('nuisance.floods'),
      numberText(found.floods),
      `${numberText(100 * found.flood_share, 1)} % · ${t('nuisance.flood_target')}`,
    ],
    [t('nuisance.stale'), numberText(found.stale), t('nuisance.stale_target')],
    [t('nuisance.suppressed'), numberText(found.suppressed)],
    [t('nuisance.shelved'), numberText(found.shelved.length)],
  ];
  return (
    <>
      <Box sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: 'repeat(auto-fill, minmax(10.5rem, 1fr))' }}>
        {figures.map(([name, value, note]) => (
          <Card key={name}>
            <Typography variant="body2" color="textSecondary">
              {name}
            </Typography>
            <Typography sx={{ fontSize: '1.5rem', fontWeight: 650 }}>{value}</Typography>
            {note !== undefined && (
              <Typography variant="caption" color="textSecondary">
                {note}
              </Typography>
            )}
          </Card>
        ))}
      </Box>
      <Card title={t('nuisance.bad_actors')}>
        <Table
          label={t('nuisance.bad_actors')}
          rows={found.bad_actors}
          rowKey={(each) => `${each.definition} ${each.unit ?? ''} ${each.subject ?? ''}`}
          empty={t('nuisance.none')}
          columns={[
            { head: t('column.alarm'), cell: (each) => <code>{each.definition}</code> },
            { head: t('column.unit'), cell: (each) => each.unit ?? each.subject ?? '–' },
            { head: t('column.times'), cell: (each) => numberText(each.times), align: 'right' },
            {
              head: t('column.share'),
              cell: (each) => `${numberText(100 * each.share, 0)} %`,
              align: 'right',
            },
          ]}
        />
      </Card>
      {found.chattering.length > 0 && (
        <Card title={t('nuisance.chattering')}>
          <Box component="ul" sx={{ m: 0, pl: 2.5 }}>
            {found.chattering.map((each) => (
              <li key={`${each.definition} ${each.unit ?? ''} ${each.subject ?? ''}`}>
                <code>{each.definition}</code> · {each.unit ?? each.subject ?? '–'}
              </li>
            ))}
          </Box>
        </Card>
      )}
    </>
  );
}
