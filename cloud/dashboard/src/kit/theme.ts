/**
 * Control-room look: quiet surfaces, colour only for what is abnormal, the same tokens in a dark and a light set.
 * Lengths are in rem, so that everything grows with the root size from phone to wall.
 */
import { createTheme, type Theme } from '@mui/material/styles';
import type { Severity } from '../api/types';
import { DARK, FONT, LIGHT, TOUCH, type Mode } from './tokens';

declare module '@mui/material/styles' {
  interface Palette {
    severity: Record<Severity, string>;
    stale: string;
    live: string;
    raised: string;
    /** Text on the colour of a major alarm. */
    onMajor: string;
    /** Boxes on images; images are dark in both themes. */
    box: string;
  }
  interface PaletteOptions {
    severity: Record<Severity, string>;
    stale: string;
    live: string;
    raised: string;
    onMajor: string;
    box: string;
  }
}

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
