/** Colours, type and sizes, for MUI's theme and, as custom properties, for what is drawn before MUI is there. */
export type Mode = 'dark' | 'light';

/** No web fonts: a farm has no CDN. */
export const FONT = [
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

export const DARK = {
  mode: 'dark' as const,
  background: { default: '#0b1015', paper: '#121a21' },
  raised: '#1a242d',
  text: { primary: '#e9eff4', secondary: '#a0b1c0', disabled: '#7d8e9c' },
  onMajor: '#1d1000',
  divider: 'rgba(150, 175, 195, 0.18)',
  primary: { main: '#7cc4e8', contrastText: '#06202e' },
  error: { main: '#ff7b72' },
  warning: { main: '#ffb057' },
  severity: { critical: '#ff6f66', major: '#ffa64d', minor: '#f0d75a', warning: '#8fbcff' },
  stale: '#8796a3',
  live: '#7cc4e8',
  box: '#ffe066',
};

export const LIGHT = {
  mode: 'light' as const,
  background: { default: '#eef2f5', paper: '#ffffff' },
  raised: '#f3f6f8',
  text: { primary: '#14202a', secondary: '#4a5b69', disabled: '#66757f' },
  onMajor: '#ffffff',
  divider: 'rgba(20, 45, 65, 0.16)',
  primary: { main: '#0a5f87', contrastText: '#ffffff' },
  error: { main: '#b3201a' },
  warning: { main: '#8a4b00' },
  severity: { critical: '#b8211b', major: '#a24a00', minor: '#705a00', warning: '#1e56a8' },
  stale: '#66757f',
  live: '#0a5f87',
  box: '#ffe066',
};
