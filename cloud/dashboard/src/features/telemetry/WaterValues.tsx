/** The water of one unit: oxygen large, the rest beside it in the order in which a farm reads it. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useMemo, type JSX } from 'react';
import type { Alarm, LatestReading } from '../../api/types';
import type { Moment } from '../../kit/clock';
import { worstActive } from '../alarms/order';
import { limitsFor } from './limitBar';
import { NARROW, ReadingValue } from './ReadingValue';
import { inReadingOrder, LARGE } from './units';
import { t } from '../../i18n';

interface Props {
  readings: readonly LatestReading[];
  alarms: readonly Alarm[];
  receivedAt: Moment;
}

export function WaterValues({ readings, alarms, receivedAt }: Props): JSX.Element {
  const ordered = useMemo(() => inReadingOrder(readings), [readings]);
  if (ordered.length === 0) {
    return (
      <Box sx={{ border: '1px dashed', borderColor: 'stale', borderRadius: '0.5rem', p: 2 }}>
        <Typography color="textSecondary">{t('water.none')}</Typography>
      </Box>
    );
  }
  const large = ordered.filter((reading) => LARGE.has(reading.quantity));
  const rest = ordered.filter((reading) => !LARGE.has(reading.quantity));
  const show = (reading: LatestReading, size: 'hero' | 'normal'): JSX.Element => (
    <ReadingValue
      key={reading.channel_id}
      reading={reading}
      receivedAt={receivedAt}
      limits={limitsFor(reading, alarms)}
      alarm={worstActive(alarms, reading.quantity)}
      size={size}
    />
  );
  return (
    <>
      {large.length > 0 && <Box sx={largeSx}>{large.map((reading) => show(reading, 'hero'))}</Box>}
      {rest.length > 0 && (
        <Box
          sx={{
            display: 'grid',
            gridTemplateColumns: 'repeat(auto-fill, minmax(5.5rem, 1fr))',
            gap: 1.5,
            pt: 1.5,
            borderTop: '1px solid',
            borderColor: 'divider',
          }}
        >
          {rest.map((reading) => show(reading, 'normal'))}
        </Box>
      )}
    </>
  );
}

const largeSx = {
  display: 'grid',
  gridTemplateColumns: 'repeat(auto-fit, minmax(8rem, 1fr))',
  gap: 2,
  // Where names take two lines the numbers stay side by side.
  [`@container (max-width: ${NARROW})`]: { alignItems: 'end' },
};
