/** The shape of each severity: octagon, triangle, diamond, circle; and the sign in the loud ones. On a field of 24 by 24. */
import type { Severity } from '../../api/types';

export const SHAPES: Readonly<Record<Severity, string>> = {
  critical: 'M7.2 1.5h9.6l5.7 5.7v9.6l-5.7 5.7H7.2l-5.7-5.7V7.2z',
  major: 'M12 2l10.5 19.5h-21z',
  minor: 'M12 1.2L22.8 12 12 22.8 1.2 12z',
  warning: 'M12 1.5a10.5 10.5 0 1 1 0 21 10.5 10.5 0 1 1 0-21z',
};

export const SIGNS: Readonly<Partial<Record<Severity, string>>> = {
  critical: 'M12 6.5v7M12 17v.3',
  major: 'M12 9.5v5.5M12 18v.3',
};
