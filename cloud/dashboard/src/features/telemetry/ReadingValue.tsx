/** One live value with its unit, age and quality. Old values turn grey and say so; they never look normal. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { LatestReading, Severity } from '../../api/types';
import { useNow, type Moment } from '../../kit/clock';
import { SeverityMark } from '../alarms/SeverityMark';
import { LimitBarView } from './LimitBarView';
import type { Limits } from './limitBar';
import { flagReason } from './quality';
import { QualityFlag } from './QualityFlag';
import { isStale, readingAgeText } from './staleness';
import { quantityText, shortLabel, shownOf } from './units';
import { t } from '../../i18n';

/** Of a tile on a small phone: the name of what is shown large has no room in one line. */
export const NARROW = '19.5rem';

interface Props {
  reading: LatestReading;
  receivedAt: Moment;
  limits: Limits;
  /** Severity of the worst active alarm about this value. */
  alarm: Severity | null;
  size?: 'hero' | 'normal';
}

export function ReadingValue({ reading, receivedAt, limits, alarm, size = 'normal' }: Props): JSX.Element {
  const stale = useNow((now) => isStale(reading, receivedAt, now));
  const hero = size === 'hero';
  const { value, unit } = shownOf(reading);
  return (
    <Box
      data-testid={`reading-${reading.quantity}`}
      data-stale={stale}
      sx={{ minWidth: 0, color: stale ? 'stale' : 'text.primary' }}
    >
      <Typography
        variant="caption"
        component="div"
        noWrap
        title={quantityText(reading.quantity, reading.label)}
        sx={{
          color: 'text.secondary',
          display: 'flex',
          alignItems: 'center',
          gap: '0.25rem',
          ...(hero && { [`@container (max-width: ${NARROW})`]: { whiteSpace: 'normal' } }),
        }}
      >
        {alarm !== null && <SeverityMark severity={alarm} size="0.875rem" />}
        {hero ? quantityText(reading.quantity, reading.label) : shortLabel(reading.quantity, reading.label)}
      </Typography>
      <Box sx={{ display: 'flex', alignItems: 'baseline', gap: '0.3em', whiteSpace: 'nowrap' }}>
        <Box
          component="span"
          data-testid="value"
          sx={{
            fontSize: hero ? 'clamp(2rem, 11.5cqi, 4rem)' : 'clamp(1.25rem, 5.6cqi, 2rem)',
            lineHeight: 1.12,
            fontWeight: hero ? 650 : 600,
            letterSpacing: '-0.015em',
            color: alarm === null || stale ? 'inherit' : `severity.${alarm}`,
          }}
        >
          {value}
        </Box>
        {unit !== '' && (
          <Box
            component="span"
            sx={{ color: stale ? 'stale' : 'text.secondary', fontSize: hero ? '1rem' : '0.875rem' }}
          >
            {unit}
          </Box>
        )}
      </Box>
      {hero && <LimitBarView value={reading.value} limits={limits} stale={stale} ucum={reading.ucum} />}
      <Typography
        variant="caption"
        component="div"
        sx={{
          display: 'flex',
          flexDirection: hero ? 'row' : 'column',
          flexWrap: 'wrap',
          columnGap: '0.625rem',
          color: stale ? 'stale' : 'text.secondary',
        }}
      >
        <Age reading={reading} receivedAt={receivedAt} stale={stale} />
        <span>
          <QualityFlag flag={reading.quality} why={flagReason(reading)} />
        </span>
      </Typography>
    </Box>
  );
}

interface AgeProps {
  reading: LatestReading;
  receivedAt: Moment;
  stale: boolean;
}

/** Counts every second; an old one is marked by word and dashes. */
function Age({ reading, receivedAt, stale }: AgeProps): JSX.Element {
  const age = useNow((now) => readingAgeText(reading, receivedAt, now));
  return (
    <Box
      component="span"
      data-testid="age"
      title={stale ? t('age.too_old') : t('age.of_value')}
      sx={{
        minWidth: '2.2rem',
        // What is stale may be said in more words than a narrow column has room for.
        whiteSpace: stale ? 'normal' : 'nowrap',
        ...(stale && { fontWeight: 700, textDecoration: 'underline dashed', textUnderlineOffset: '0.2em' }),
      }}
    >
      {age}
    </Box>
  );
}
