/** Dark or light, as the person chose on this computer (a control room is dark until told otherwise), laid over the page. */
import { DARK, FONT, LIGHT, TOUCH, type Mode } from './tokens';

const KEY = 'shoal.theme';

export function chosenMode(): Mode {
  try {
    return localStorage.getItem(KEY) === 'light' ? 'light' : 'dark';
  } catch {
    return 'dark';
  }
}

export function rememberMode(mode: Mode): void {
  try {
    localStorage.setItem(KEY, mode);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

/** Give the page behind everything its colour, and style sheets the tokens as custom properties. */
export function paint(mode: Mode): void {
  const { style } = document.documentElement;
  const { background, text, primary, severity, onMajor, raised, divider, stale, error } =
    mode === 'dark' ? DARK : LIGHT;
  style.background = background.default;
  style.colorScheme = mode;
  const tokens = {
    background: background.default,
    paper: background.paper,
    raised,
    divider,
    stale,
    text: text.primary,
    'text-quiet': text.secondary,
    'text-faint': text.disabled,
    primary: primary.main,
    'on-primary': primary.contrastText,
    error: error.main,
    critical: severity.critical,
    major: severity.major,
    minor: severity.minor,
    warning: severity.warning,
    'on-major': onMajor,
    font: FONT,
    touch: TOUCH,
  };
  for (const [name, value] of Object.entries(tokens)) style.setProperty(`--${name}`, value);
}
