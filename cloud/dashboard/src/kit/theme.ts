/**
 * Control-room look: quiet surfaces, colour only for what is abnormal, the same tokens in a dark and a light set.
 * Lengths are in rem, so that everything grows with the root size from phone to wall.
 */
import { createTheme, type Theme } from '@mui/material/styles';
import type { Severity } from '../api/types';

export type Mode = 'dark' | 'light';

declare module '@mui/material/styles' {
  interface Palette {
    severity: Record<Severity, string>;
    stale: string;
    live: string;
    raised: string;
    /** Boxes on images; images are dark in both themes. */
    box: string;
  }
  interface PaletteOptions {
    severity: Record<Severity, string>;
    stale: string;
    live: string;
    raised: string;
    box: string;
  }
}

/** No web fonts: a farm has no CDN. */
const FONT = [
  '-apple-system',
  'BlinkMacSystemFont',
  '"Segoe UI"',
  'Roboto',
  '"Noto Sans"',
  '"Liberation Sans"',
  '"Helvetica Neue"',
  'Arial',
  'sans-serif',
].join(',');

/** 44 px, the smallest target that a gloved finger hits. */
export const TOUCH = '2.75rem';

const DARK = {
  mode: 'dark' as const,
  background: { default: '#0b1015', paper: '#121a21' },
  raised: '#1a242d',
  text: { primary: '#e9eff4', secondary: '#a0b1c0', disabled: '#7d8e9c' },
  divider: 'rgba(150, 175, 195, 0.18)',
  primary: { main: '#7cc4e8', contrastText: '#06202e' },
  error: { main: '#ff7b72' },
  warning: { main: '#ffb057' },
  severity: { critical: '#ff6f66', major: '#ffa64d', minor: '#f0d75a', warning: '#8fbcff' },
  stale: '#8796a3',
  live: '#7cc4e8',
  box: '#ffe066',
};

const LIGHT = {
  mode: 'light' as const,
  background: { default: '#eef2f5', paper: '#ffffff' },
  raised: '#f3f6f8',
  text: { primary: '#14202a', secondary: '#4a5b69', disabled: '#66757f' },
  divider: 'rgba(20, 45, 65, 0.16)',
  primary: { main: '#0a5f87', contrastText: '#ffffff' },
  error: { main: '#b3201a' },
  warning: { main: '#8a4b00' },
  severity: { critical: '#b8211b', major: '#a24a00', minor: '#705a00', warning: '#1e56a8' },
  stale: '#66757f',
  live: '#0a5f87',
  box: '#ffe066',
};

/** The theme of a mode. */
export function themeOf(mode: Mode): Theme {
  const rem = (factor: number): string => `${0.5 * factor}rem`;
  return createTheme({
    palette: mode === 'dark' ? DARK : LIGHT,
    spacing: rem,
    shape: { borderRadius: 10 },
    typography: {
      fontFamily: FONT,
      h1: { fontSize: '1.375rem', fontWeight: 650, lineHeight: 1.2 },
      h2: { fontSize: '1.125rem', fontWeight: 650, lineHeight: 1.25 },
      h3: { fontSize: '0.9375rem', fontWeight: 600, lineHeight: 1.3 },
      body1: { fontSize: '1rem', lineHeight: 1.45 },
      body2: { fontSize: '0.875rem', lineHeight: 1.4 },
      caption: { fontSize: '0.8125rem', lineHeight: 1.35 },
      button: { textTransform: 'none', fontWeight: 600 },
    },
    components: {
      MuiCssBaseline: {
        styleOverrides: {
          body: { fontVariantNumeric: 'tabular-nums', overflowWrap: 'anywhere' },
          '*:focus-visible': { outline: '2px solid currentColor', outlineOffset: 2 },
        },
      },
      MuiButtonBase: { defaultProps: { disableRipple: true } },
      MuiButton: {
        styleOverrides: {
          root: { minHeight: TOUCH, borderRadius: 8 },
          startIcon: { '& > *:nth-of-type(1)': { fontSize: '1.25rem' } },
        },
      },
      MuiIconButton: { styleOverrides: { root: { minWidth: TOUCH, minHeight: TOUCH, borderRadius: 8 } } },
      MuiToggleButton: {
        styleOverrides: {
          root: { minHeight: TOUCH, minWidth: TOUCH, textTransform: 'none', color: 'inherit' },
        },
      },
      MuiCheckbox: { styleOverrides: { root: { minWidth: TOUCH, minHeight: TOUCH } } },
      MuiMenuItem: { styleOverrides: { root: { minHeight: TOUCH } } },
      MuiPaper: { styleOverrides: { root: { backgroundImage: 'none' } } },
    },
  });
}
