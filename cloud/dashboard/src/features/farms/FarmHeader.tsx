/** The top of every farm page: which farm, its time, its link, its open alarms, and the person's own switches. */
import AppBar from '@mui/material/AppBar';
import Box from '@mui/material/Box';
import IconButton from '@mui/material/IconButton';
import MenuItem from '@mui/material/MenuItem';
import Select from '@mui/material/Select';
import Typography from '@mui/material/Typography';
import { useTheme } from '@mui/material/styles';
import { use, type JSX, type ReactNode } from 'react';
import { Link, useNavigate } from 'react-router';
import type { Site } from '../../api/types';
import { useNow } from '../../kit/clock';
import { MoonIcon, ShoalMark, SunIcon } from '../../kit/icons';
import { TOUCH } from '../../kit/tokens';
import { ModeContext } from '../../kit/ModeContext';
import { farmClock, serverNowMs } from '../../kit/time';
import { UserMenu } from '../auth/UserMenu';
import { LinkChip } from '../devices/LinkChip';
import type { Snapshot } from '../telemetry/queries';
import { t } from '../../i18n';

interface Props {
  sites: readonly Site[];
  snapshot: Snapshot | undefined;
  alarms?: ReactNode;
}

export function FarmHeader({ sites, snapshot, alarms }: Props): JSX.Element {
  return (
    <AppBar
      position="sticky"
      color="inherit"
      elevation={0}
      sx={{ borderBottom: '1px solid', borderColor: 'divider', bgcolor: 'background.paper' }}
    >
      <Box
        sx={{
          display: 'flex',
          flexWrap: 'wrap',
          alignItems: 'center',
          columnGap: { xs: 1.5, md: 3 },
          px: { xs: 1.5, md: 3 },
          py: 0.75,
          minHeight: '3.75rem',
        }}
      >
        <Box
          component={Link}
          to="/"
          aria-label={t('nav.home')}
          sx={{
            color: 'primary.main',
            display: 'grid',
            placeItems: 'center',
            minWidth: TOUCH,
            minHeight: TOUCH,
            // What follows stands where it stood.
            mx: '-0.0625rem',
          }}
        >
          <ShoalMark size="2.125rem" />
        </Box>
        {snapshot && (
          <Box
            sx={{
              display: 'flex',
              flexDirection: { xs: 'column', md: 'row' },
              alignItems: { xs: 'flex-start', md: 'center' },
              columnGap: 3,
              minWidth: 0,
              flexShrink: 1,
            }}
          >
            <FarmName sites={sites} site={snapshot.latest.site} />
            <Box sx={{ display: 'flex', alignItems: 'center', columnGap: { xs: 1.25, md: 3 } }}>
              <FarmTime snapshot={snapshot} />
              <LinkChip snapshot={snapshot} />
            </Box>
          </Box>
        )}
        <Box sx={{ flex: 1 }} />
        <Box sx={{ order: { xs: 1, md: 0 }, display: 'flex', width: { xs: '100%', md: 'auto' } }}>
          {alarms}
        </Box>
        <Box sx={{ display: 'flex' }}>
          <ModeSwitch />
          <UserMenu />
        </Box>
      </Box>
    </AppBar>
  );
}

function FarmName({ sites, site }: { sites: readonly Site[]; site: Site }): JSX.Element {
  const navigate = useNavigate();
  if (sites.length < 2) {
    return (
      <Typography variant="h1" component="p" noWrap>
        {site.name}
      </Typography>
    );
  }
  return (
    <Select
      value={site.slug}
      variant="standard"
      disableUnderline
      inputProps={{ 'aria-label': t('header.farm') }}
      onChange={(event) => void navigate(`/sites/${event.target.value}`)}
      sx={{
        fontSize: '1.375rem',
        fontWeight: 650,
        maxWidth: '16rem',
        '& .MuiSelect-select.MuiSelect-select': {
          minHeight: '2.75rem',
          display: 'flex',
          alignItems: 'center',
          paddingRight: '1.75rem !important',
        },
        // The clock moves up into the empty part of the touch target.
        mb: { xs: '-0.625rem', md: 0 },
      }}
    >
      {sites.map((item) => (
        <MenuItem key={item.slug} value={item.slug}>
          {item.name}
        </MenuItem>
      ))}
    </Select>
  );
}

function FarmTime({ snapshot: { latest, receivedAt } }: { snapshot: Snapshot }): JSX.Element {
  const { timezone } = latest.site;
  const text = useNow((now) => farmClock(serverNowMs(latest.server_time, receivedAt, now), timezone));
  return (
    <Typography
      component="time"
      title={t('header.local_time', { zone: timezone })}
      sx={{ fontSize: { xs: '0.875rem', md: '1.125rem' }, fontWeight: 600 }}
    >
      {text}
    </Typography>
  );
}

function ModeSwitch(): JSX.Element {
  const { palette } = useTheme();
  const toggle = use(ModeContext);
  const dark = palette.mode === 'dark';
  return (
    <IconButton
      color="inherit"
      onClick={() => toggle()}
      aria-label={dark ? t('header.light') : t('header.dark')}
    >
      {dark ? <SunIcon /> : <MoonIcon />}
    </IconButton>
  );
}
