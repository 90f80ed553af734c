/** Who is signed in, and the way out. */
import Box from '@mui/material/Box';
import Divider from '@mui/material/Divider';
import IconButton from '@mui/material/IconButton';
import Menu from '@mui/material/Menu';
import MenuItem from '@mui/material/MenuItem';
import Typography from '@mui/material/Typography';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { PersonIcon } from '../../kit/icons';
import { logout } from '../../api/endpoints';
import { endSession } from './session';
import { useSession } from './useSession';
import { LANGUAGES, setLanguage, t, type Language } from '../../i18n';
import { useLanguage } from '../../i18n/useLanguage';

const LANGUAGE_CODES = Object.keys(LANGUAGES) as Language[];

export function UserMenu(): JSX.Element | null {
  const session = useSession();
  const language = useLanguage();
  const client = useQueryClient();
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  if (session === null) return null;
  const { user } = session;
  const signOut = (): void => {
    // The server forgets the session too; when it is away the token ends by itself.
    void logout().catch(() => undefined);
    endSession('signed_out');
    // The next person at this screen must not see a glimpse of this one's farms.
    client.clear();
  };
  return (
    <>
      <IconButton
        aria-label={t('account.of', { name: user.name })}
        aria-haspopup="menu"
        color="inherit"
        onClick={(event) => setAnchor(event.currentTarget)}
      >
        <PersonIcon />
      </IconButton>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        <Box sx={{ px: 2, py: 1 }}>
          <Typography sx={{ fontWeight: 650 }}>{user.name}</Typography>
          <Typography variant="body2" color="textSecondary">
            {user.email}
          </Typography>
          <Typography variant="body2" color="textSecondary">
            {t(`role.${user.role}`)}
          </Typography>
        </Box>
        <Divider />
        {LANGUAGE_CODES.map((code) => (
          <MenuItem
            key={code}
            lang={code}
            selected={code === language}
            onClick={() => void setLanguage(code)}
          >
            {LANGUAGES[code].name}
          </MenuItem>
        ))}
        <Divider />
        <MenuItem onClick={signOut}>{t('account.sign_out')}</MenuItem>
      </Menu>
    </>
  );
}
