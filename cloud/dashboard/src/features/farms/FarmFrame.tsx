/** Header, connection banner and states around every page of one farm; the page inside gets a live snapshot. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import useMediaQuery from '@mui/material/useMediaQuery';
import { useEffect, useState, type JSX, type ReactNode } from 'react';
import { BellIcon, CloseIcon } from '../../kit/icons';
import { Failed, Loading } from '../../kit/States';
import { AlarmCounts } from '../alarms/AlarmCounts';
import { AlarmRail } from '../alarms/AlarmRail';
import { useOpenAlarms, type OpenAlarms } from '../alarms/queries';
import { ConnectionBanner } from '../devices/ConnectionBanner';
import { useLatest, type Snapshot } from '../telemetry/queries';
import { FarmHeader } from './FarmHeader';
import { useSites } from './queries';

export interface FarmView {
  readonly snapshot: Snapshot;
  readonly open: OpenAlarms;
  /** Milliseconds by which the server's clock is ahead of this computer's. */
  readonly skewMs: number;
}

interface Props {
  site: string | undefined;
  children: (view: FarmView) => ReactNode;
}

export function FarmFrame({ site, children }: Props): JSX.Element {
  const sites = useSites();
  const latest = useLatest(site);
  const open = useOpenAlarms(site);
  const wide = useMediaQuery('(min-width: 68rem)');
  const snapshot = latest.data;
  const skewMs = snapshot ? Date.parse(snapshot.latest.server_time) - snapshot.receivedAt.wallMs : 0;
  useTitle(snapshot?.latest.site.name, open);
  return (
    <Box
      sx={{ minHeight: '100dvh', display: 'flex', flexDirection: 'column', bgcolor: 'background.default' }}
    >
      <FarmHeader
        sites={sites.data ?? []}
        snapshot={snapshot}
        alarms={
          snapshot &&
          (wide ? <AlarmCounts alarms={open.alarms} /> : <AlarmDrawer open={open} skewMs={skewMs} />)
        }
      />
      {snapshot && (
        <ConnectionBanner
          receivedAt={snapshot.receivedAt}
          failing={latest.isError}
          timezone={snapshot.latest.site.timezone}
          lastServerTime={snapshot.latest.server_time}
        />
      )}
      {snapshot ? (
        <Box sx={{ flex: 1, display: 'flex', alignItems: 'flex-start', gap: 2.5, p: { xs: 1.5, md: 2.5 } }}>
          <Box component="main" sx={{ flex: 1, minWidth: 0 }}>
            {children({ snapshot, open, skewMs })}
          </Box>
          {wide && (
            <Box component="aside" sx={railSx}>
              <AlarmRail open={open} skewMs={skewMs} />
            </Box>
          )}
        </Box>
      ) : latest.isError ? (
        <Failed error={latest.error} retry={() => void latest.refetch()} />
      ) : (
        <Loading what="the farm" />
      )}
    </Box>
  );
}

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

/** On narrow screens the rail waits behind a button that shows the counts. */
function AlarmDrawer({ open, skewMs }: { open: OpenAlarms; skewMs: number }): JSX.Element {
  const [shown, setShown] = useState(false);
  return (
    <>
      <Button
        color="inherit"
        variant="outlined"
        startIcon={<BellIcon />}
        onClick={() => setShown(true)}
        aria-label="Show open alarms"
        sx={{ width: '100%', borderColor: 'divider', justifyContent: 'flex-start', gap: 1 }}
      >
        <AlarmCounts alarms={open.alarms} />
        <Box component="span" sx={{ ml: 'auto', color: 'text.secondary', fontWeight: 500 }}>
          {open.alarms.length === 0 ? 'No open alarms' : 'Open alarms'}
        </Box>
      </Button>
      <Drawer
        anchor="bottom"
        open={shown}
        onClose={() => setShown(false)}
        slotProps={{
          paper: { sx: { maxHeight: '88dvh', borderRadius: '1rem 1rem 0 0', bgcolor: 'background.default' } },
        }}
      >
        <Box sx={{ display: 'flex', justifyContent: 'flex-end', pt: 0.5, px: 1 }}>
          <IconButton aria-label="Close" onClick={() => setShown(false)}>
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
