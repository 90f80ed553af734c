/** The banner that says since when nothing has been heard, or that values are asked for and not pushed. It goes away by itself. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { useNow, type Moment } from '../../kit/clock';
import { UnlinkIcon } from '../../kit/icons';
import { ageText, elapsedSeconds, farmClock } from '../../kit/time';
import { t } from '../../i18n';

/** Longer than a missed poll, shorter than a value needs to mislead. */
const SILENT_AFTER_S = 5;

interface Props {
  receivedAt: Moment;
  failing: boolean;
  /** Whether the live stream could not be opened, so that this page asks instead. */
  asking: boolean;
  timezone: string;
  /** Server time of the last answer. */
  lastServerTime: string;
}

export function ConnectionBanner({
  receivedAt,
  failing,
  asking,
  timezone,
  lastServerTime,
}: Props): JSX.Element | null {
  const silence = useNow((now) => {
    const silent = elapsedSeconds(receivedAt, now);
    return failing || silent > SILENT_AFTER_S ? ageText(silent) : null;
  });
  if (silence === null) return asking ? <Asking /> : null;
  return (
    <Box
      role="alert"
      data-testid="connection-banner"
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: 1.5,
        px: { xs: 2, md: 3 },
        py: 1,
        bgcolor: 'severity.major',
        color: 'onMajor',
      }}
    >
      <UnlinkIcon />
      <Typography sx={{ fontWeight: 650 }}>
        {t('link.since', { at: farmClock(Date.parse(lastServerTime), timezone), age: silence })}
        <Box component="span" sx={{ fontWeight: 400 }}>
          {' '}
          {t('link.last_heard')}
        </Box>
      </Typography>
    </Box>
  );
}

/** Not an alert: every value is true, it only comes up to two seconds later. */
function Asking(): JSX.Element {
  return (
    <Box
      role="status"
      data-testid="asking-banner"
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: 1.5,
        px: { xs: 2, md: 3 },
        py: 0.5,
        borderBottom: '1px dashed',
        borderColor: 'stale',
        color: 'text.secondary',
      }}
    >
      <UnlinkIcon />
      <Typography variant="body2">{t('link.asking')}</Typography>
    </Box>
  );
}
