/** Header, navigation, connection banner and states around every page of one farm; the page inside gets a live snapshot. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import useMediaQuery from '@mui/material/useMediaQuery';
import { useEffect, useState, type JSX, type ReactNode } from 'react';
import { t } from '../../i18n';
import { BellIcon, CloseIcon } from '../../kit/icons';
import { visuallyHidden } from '../../kit/hidden';
import { Failed, Loading } from '../../kit/States';
import { AlarmCounts } from '../alarms/AlarmCounts';
import { AlarmRail } from '../alarms/AlarmRail';
import { useOpenAlarms, type OpenAlarms } from '../alarms/queries';
import { useAlarmSound } from '../alarms/sound';
import { ConnectionBanner } from '../devices/ConnectionBanner';
import { useLiveFeed, usePush } from '../live/feed';
import { useLatest, type Snapshot } from '../telemetry/queries';
import { FarmHeader } from './FarmHeader';
import { BottomNavigation, SideNavigation } from './Navigation';
import { useSites } from './queries';

export interface FarmView {
  readonly snapshot: Snapshot;
  readonly open: OpenAlarms;
  /** Milliseconds by which the server's clock is ahead of this computer's. */
  readonly skewMs: number;
}

interface Props {
  site: string | undefined;
  /** Whether the open alarms stand beside the page where there is room. */
  rail?: boolean;
  /** What can be done before the farm was heard; without it the page waits and says so. */
  unheard?: ReactNode;
  children: (view: FarmView) => ReactNode;
}

export function FarmFrame({ site, rail = true, unheard, children }: Props): JSX.Element {
  useLiveFeed(site);
  const push = usePush();
  const sites = useSites();
  const latest = useLatest(site);
  const open = useOpenAlarms(site);
  const wide = useMediaQuery('(min-width: 68rem)');
  const snapshot = latest.data;
  const skewMs = snapshot ? Date.parse(snapshot.latest.server_time) - snapshot.receivedAt.wallMs : 0;
  useTitle(snapshot?.latest.site.name, open);
  useAlarmSound(open.alarms);
  const beside = wide && rail;
  return (
    <Box
      sx={{ minHeight: '100dvh', display: 'flex', flexDirection: 'column', bgcolor: 'background.default' }}
    >
      <Box component="a" href="#page" sx={skipSx}>
        {t('nav.skip')}
      </Box>
      <FarmHeader
        sites={sites.data ?? []}
        snapshot={snapshot}
        alarms={
          snapshot &&
          (wide && rail ? (
            <AlarmCounts alarms={open.alarms} />
          ) : (
            <AlarmDrawer open={open} skewMs={skewMs} wide={wide} />
          ))
        }
      />
      {snapshot && (
        <ConnectionBanner
          receivedAt={snapshot.receivedAt}
          failing={latest.isError}
          asking={push === 'refused'}
          timezone={snapshot.latest.site.timezone}
          lastServerTime={snapshot.latest.server_time}
        />
      )}
      <Box sx={{ flex: 1, display: 'flex', pb: wide ? 0 : '4.5rem' }}>
        {wide && site !== undefined && <SideNavigation site={site} />}
        <Box
          sx={{
            flex: 1,
            minWidth: 0,
            display: 'flex',
            alignItems: 'flex-start',
            gap: 2.5,
            p: { xs: 1.5, md: 2.5 },
          }}
        >
          <Box component="main" id="page" tabIndex={-1} sx={{ flex: 1, minWidth: 0, outline: 'none' }}>
            {snapshot
              ? children({ snapshot, open, skewMs })
              : (unheard ??
                (latest.isError ? (
                  <Failed error={latest.error} retry={() => void latest.refetch()} />
                ) : (
                  <Loading />
                )))}
          </Box>
          {beside && snapshot && (
            // Scrolls by itself, so it must be reachable by keyboard.
            <Box component="aside" tabIndex={0} aria-label={t('alarms.open')} sx={railSx}>
              <AlarmRail open={open} skewMs={skewMs} />
            </Box>
          )}
        </Box>
      </Box>
      {!wide && site !== undefined && <BottomNavigation site={site} />}
    </Box>
  );
}

/** The first thing that the keyboard reaches; out of sight until then. */
const skipSx = {
  ...visuallyHidden,
  '&:focus': {
    clipPath: 'none',
    width: 'auto',
    height: 'auto',
    zIndex: 'tooltip',
    p: 1.5,
    m: 1,
    bgcolor: 'background.paper',
    color: 'text.primary',
  },
};

/** The rail stays while the wall scrolls, and scrolls by itself when there are many alarms. */
const railSx = {
  width: '22rem',
  flex: 'none',
  position: 'sticky',
  top: '5.25rem',
  maxHeight: 'calc(100dvh - 6.5rem)',
  overflowY: 'auto',
  scrollbarWidth: 'thin',
};

interface AlarmDrawerProps {
  open: OpenAlarms;
  skewMs: number;
  wide: boolean;
}

/** Without room for the rail it waits behind a button that shows the counts. */
function AlarmDrawer({ open, skewMs, wide }: AlarmDrawerProps): JSX.Element {
  const [shown, setShown] = useState(false);
  return (
    <>
      <Button
        color="inherit"
        variant="outlined"
        startIcon={<BellIcon />}
        onClick={() => setShown(true)}
        sx={{ width: '100%', borderColor: 'divider', flexWrap: 'wrap', justifyContent: 'flex-start', gap: 1 }}
      >
        <AlarmCounts alarms={open.alarms} />
        {!wide && (
          <Box component="span" sx={{ ml: 'auto', color: 'text.secondary', fontWeight: 500 }}>
            {open.alarms.length === 0 ? t('alarms.none_short') : t('alarms.open')}
          </Box>
        )}
      </Button>
      <Drawer
        anchor={wide ? 'right' : 'bottom'}
        open={shown}
        onClose={() => setShown(false)}
        slotProps={{
          paper: {
            sx: {
              bgcolor: 'background.default',
              ...(wide ? { width: '26rem' } : { maxHeight: '88dvh', borderRadius: '1rem 1rem 0 0' }),
            },
          },
        }}
      >
        <Box sx={{ display: 'flex', justifyContent: 'flex-end', pt: 0.5, px: 1 }}>
          <IconButton aria-label={t('action.close')} onClick={() => setShown(false)}>
            <CloseIcon />
          </IconButton>
        </Box>
        <Box sx={{ px: 2, pb: 3 }}>
          <AlarmRail open={open} skewMs={skewMs} />
        </Box>
      </Drawer>
    </>
  );
}

/** The tab tells how many alarms wait, also while another tab is in front. */
function useTitle(farm: string | undefined, open: OpenAlarms): void {
  const unseen = open.alarms.filter((alarm) => !alarm.acknowledged).length;
  useEffect(() => {
    const name = farm === undefined ? 'Shoal' : `${farm} · Shoal`;
    document.title = unseen > 0 ? `(${unseen}) ${name}` : name;
  }, [farm, unseen]);
}
