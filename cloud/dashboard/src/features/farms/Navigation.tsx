/** The ways through a farm: a rail beside the page on wide screens, a bar under the thumb on narrow ones. */
import Box from '@mui/material/Box';
import Drawer from '@mui/material/Drawer';
import { useState, type ComponentType, type JSX } from 'react';
import { NavLink } from 'react-router';
import type { Role } from '../../api/types';
import { t, type MessageKey } from '../../i18n';
import {
  BellIcon,
  BoxesIcon,
  ChipIcon,
  DiaryIcon,
  DriftIcon,
  GaugeIcon,
  GearIcon,
  HourglassIcon,
  LensIcon,
  LetterIcon,
  MoreIcon,
  PageIcon,
  QueueIcon,
  WallIcon,
} from '../../kit/icons';
import { reaches } from '../auth/rules';
import { useSession } from '../auth/useSession';

interface Place {
  readonly path: string;
  readonly label: Extract<MessageKey, `nav.${string}`>;
  readonly icon: ComponentType;
  readonly least: Role;
}

const PLACES: readonly Place[] = [
  { path: '', label: 'nav.wall', icon: WallIcon, least: 'viewer' },
  { path: '/alarms', label: 'nav.alarms', icon: BellIcon, least: 'viewer' },
  { path: '/records', label: 'nav.records', icon: DiaryIcon, least: 'viewer' },
  { path: '/kpis', label: 'nav.kpis', icon: GaugeIcon, least: 'viewer' },
  { path: '/reports', label: 'nav.reports', icon: PageIcon, least: 'viewer' },
  { path: '/classify', label: 'nav.classify', icon: LensIcon, least: 'operator' },
  { path: '/devices', label: 'nav.devices', icon: ChipIcon, least: 'viewer' },
  { path: '/labels', label: 'nav.labels', icon: BoxesIcon, least: 'viewer' },
  { path: '/drift', label: 'nav.drift', icon: DriftIcon, least: 'viewer' },
  { path: '/tasks', label: 'nav.tasks', icon: HourglassIcon, least: 'viewer' },
  { path: '/rollouts', label: 'nav.rollouts', icon: QueueIcon, least: 'fleet_admin' },
  { path: '/dead-letters', label: 'nav.dead_letters', icon: LetterIcon, least: 'fleet_admin' },
  { path: '/settings', label: 'nav.settings', icon: GearIcon, least: 'viewer' },
];

/** So many fit under a thumb; the others wait behind "more". */
const IN_BAR = 4;

function usePlaces(): readonly Place[] {
  const role = useSession()?.user.role ?? 'viewer';
  return PLACES.filter((place) => reaches(role, place.least));
}

export function SideNavigation({ site }: { site: string }): JSX.Element {
  return (
    <Box component="nav" aria-label={t('nav.title')} sx={sideSx}>
      {usePlaces().map((place) => (
        <Way key={place.path} site={site} place={place} />
      ))}
    </Box>
  );
}

export function BottomNavigation({ site }: { site: string }): JSX.Element {
  const [more, setMore] = useState(false);
  const places = usePlaces();
  return (
    <>
      <Box component="nav" aria-label={t('nav.title')} sx={barSx}>
        {places.slice(0, IN_BAR).map((place) => (
          <Way key={place.path} site={site} place={place} />
        ))}
        <Box
          component="button"
          type="button"
          aria-haspopup="dialog"
          aria-expanded={more}
          onClick={() => setMore(true)}
          sx={waySx}
        >
          <MoreIcon />
          {t('nav.more')}
        </Box>
      </Box>
      <Drawer
        anchor="bottom"
        open={more}
        onClose={() => setMore(false)}
        slotProps={{ paper: { sx: { borderRadius: '1rem 1rem 0 0', p: 1.5 }, 'aria-label': t('nav.more') } }}
      >
        <Box component="nav" aria-label={t('nav.more')} onClick={() => setMore(false)} sx={drawerSx}>
          {places.slice(IN_BAR).map((place) => (
            <Way key={place.path} site={site} place={place} />
          ))}
        </Box>
      </Drawer>
    </>
  );
}

function Way({ site, place }: { site: string; place: Place }): JSX.Element {
  const Icon = place.icon;
  return (
    <Box component={NavLink} to={`/sites/${site}${place.path}`} end={place.path === ''} sx={waySx}>
      <Icon />
      <span>{t(place.label)}</span>
    </Box>
  );
}

const waySx = {
  display: 'flex',
  flexDirection: 'column',
  alignItems: 'center',
  justifyContent: 'center',
  gap: '0.1875rem',
  minHeight: '3.5rem',
  minWidth: '2.75rem',
  px: 0.5,
  py: 0.75,
  border: 0,
  borderRadius: '0.625rem',
  background: 'none',
  color: 'text.secondary',
  font: 'inherit',
  fontSize: '0.75rem',
  fontWeight: 600,
  lineHeight: 1.15,
  textAlign: 'center',
  textDecoration: 'none',
  cursor: 'pointer',
  overflowWrap: 'anywhere',
  '&:hover': { color: 'text.primary' },
  '&.active': { color: 'text.primary', bgcolor: 'raised', boxShadow: 'inset 0.1875rem 0 0 currentColor' },
};

const sideSx = {
  width: '6.75rem',
  flex: 'none',
  alignSelf: 'flex-start',
  position: 'sticky',
  top: '3.75rem',
  maxHeight: 'calc(100dvh - 3.75rem)',
  overflowY: 'auto',
  scrollbarWidth: 'none',
  display: 'flex',
  flexDirection: 'column',
  gap: 0.5,
  p: 0.75,
  borderRight: '1px solid',
  borderColor: 'divider',
};

/** Three in a row on most phones, two on the smallest, where three would break the longest words. */
const drawerSx = {
  display: 'grid',
  gridTemplateColumns: 'repeat(auto-fill, minmax(6.5rem, 1fr))',
  gap: 0.5,
  '& > a': { px: 0.25 },
};

const barSx = {
  position: 'fixed',
  zIndex: 'appBar',
  left: 0,
  right: 0,
  bottom: 0,
  display: 'flex',
  px: 0.5,
  pt: 0.5,
  pb: 'calc(0.25rem + env(safe-area-inset-bottom))',
  borderTop: '1px solid',
  borderColor: 'divider',
  bgcolor: 'background.paper',
  // Each is as wide as its word and shares what is left: a fifth of a small phone breaks the long words of some languages.
  '& > a, & > button': { flex: '1 1 auto', px: 0.25, fontSize: 'clamp(0.6875rem, 3.2vw, 0.75rem)' },
  '& > a.active': { boxShadow: 'inset 0 0.1875rem 0 currentColor' },
};
