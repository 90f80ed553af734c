/** The fish of a unit in one line of a tile: how many, how heavy, what they ate today and how many died. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { numberText, t } from '../../i18n';
import type { UnitDay } from './today';

export function TodayLine({ day }: { day: UnitDay | undefined }): JSX.Element {
  if (day === undefined) {
    return (
      <Typography variant="caption" color="textSecondary" data-testid="today">
        {t('today.no_fish')}
      </Typography>
    );
  }
  const facts: [string, string][] = [
    [t('today.fish'), numberText(day.fish)],
    [t('today.biomass'), day.biomassKg === null ? '–' : `${numberText(day.biomassKg, 0)} kg`],
    [t('today.fed'), `${numberText(day.fedKg, 0)} kg`],
    [t('today.dead'), numberText(day.dead)],
  ];
  return (
    <Box component="dl" data-testid="today" sx={lineSx}>
      {facts.map(([name, value]) => (
        <Box key={name} sx={{ minWidth: 0 }}>
          <Typography component="dt" variant="caption" color="textSecondary" noWrap title={name}>
            {name}
          </Typography>
          <Typography component="dd" sx={{ m: 0, fontWeight: 600, whiteSpace: 'nowrap' }}>
            {value}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

const lineSx = {
  m: 0,
  pt: 1.5,
  borderTop: '1px solid',
  borderColor: 'divider',
  display: 'grid',
  gap: 1.5,
  gridTemplateColumns: 'repeat(auto-fill, minmax(5.5rem, 1fr))',
};
