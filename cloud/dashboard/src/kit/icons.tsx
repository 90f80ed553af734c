/** The few icons that the dashboard needs, drawn here so that no icon package is shipped. */
import SvgIcon, { type SvgIconProps } from '@mui/material/SvgIcon';
import type { Theme } from '@mui/material/styles';
import type { SystemStyleObject } from '@mui/system';
import type { JSX, ReactNode } from 'react';
import { MARK, MARK_VIEW } from './mark';

function icon(paths: ReactNode) {
  return function Icon({ sx = {}, ...rest }: SvgIconProps): JSX.Element {
    return (
      <SvgIcon
        viewBox="0 0 24 24"
        sx={[
          { fill: 'none', stroke: 'currentColor', strokeWidth: 2 },
          ...(Array.isArray(sx) ? (sx as SystemStyleObject<Theme>[]) : [sx as SystemStyleObject<Theme>]),
        ]}
        {...rest}
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        {paths}
      </SvgIcon>
    );
  };
}

export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4" />
  </>,
);
export const MoonIcon = icon(<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a6.8 6.8 0 0 0 10.5 10.5z" />);
export const PersonIcon = icon(
  <>
    <circle cx="12" cy="8" r="4" />
    <path d="M4 21c1-4 4-6 8-6s7 2 8 6" />
  </>,
);
export const BackIcon = icon(<path d="M15 5l-7 7 7 7" />);
export const ForwardIcon = icon(<path d="M9 5l7 7-7 7" />);
export const DownIcon = icon(<path d="M5 9l7 7 7-7" />);
export const CheckIcon = icon(<path d="M4 12.5l5.5 5.5L20 7" />);
export const CloseIcon = icon(<path d="M5 5l14 14M19 5L5 19" />);
export const BellIcon = icon(<path d="M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4" />);
export const BoxesIcon = icon(<path d="M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 9h6v6H9z" />);
export const CameraOffIcon = icon(<path d="M3 3l18 18M9 5h6l2 3h4v11M17 19H3V8h3" />);
export const UnlinkIcon = icon(
  <path d="M9 15l-2 2a3.5 3.5 0 0 1-5-5l3-3M15 9l2-2a3.5 3.5 0 0 1 5 5l-3 3M4 3l16 18" />,
);
export const LockIcon = icon(
  <>
    <rect x="5" y="11" width="14" height="10" rx="2" />
    <path d="M8 11V7a4 4 0 0 1 8 0v4" />
  </>,
);

export const WallIcon = icon(<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" />);
export const DiaryIcon = icon(<path d="M6 3h11a2 2 0 0 1 2 2v16H8a2 2 0 0 1-2-2zM10 8h5M10 12h5M6 17h13" />);
export const GaugeIcon = icon(<path d="M4 18a9 9 0 1 1 16 0M12 15l4-6M12 15v.1" />);
export const PageIcon = icon(<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6" />);
export const ChipIcon = icon(
  <path d="M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4" />,
);
export const LetterIcon = icon(<path d="M3 6h18v12H3zM3 7l9 7 9-7" />);
export const GearIcon = icon(
  <>
    <circle cx="12" cy="12" r="3" />
    <path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M18.4 5.6l-2.1 2.1M7.7 16.3l-2.1 2.1" />
  </>,
);
export const MoreIcon = icon(<path d="M4 7h16M4 12h16M4 17h16" />);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const MinusIcon = icon(<path d="M5 12h14" />);
export const DownloadIcon = icon(<path d="M12 4v11M7 11l5 5 5-5M5 20h14" />);
export const UploadIcon = icon(<path d="M12 16V5M7 9l5-5 5 5M5 20h14" />);
export const SoundIcon = icon(<path d="M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11" />);
export const SilentIcon = icon(<path d="M4 9v6h4l5 4V5L8 9zM17 9l5 6M22 9l-5 6" />);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 7v5l3 3" />
  </>,
);
export const WarnIcon = icon(<path d="M12 3 22 20H2zM12 10v5M12 17.500v.1" />);
export const DriftIcon = icon(<path d="M3 8c3-4 6-4 9 0s6 4 9 0M3 16h7M14 19l3-3 4 1" />);
export const HourglassIcon = icon(
  <path d="M6 3h12M6 21h12M7 3c0 5 5 6 5 9s-5 4-5 9M17 3c0 5-5 6-5 9s5 4 5 9" />,
);
export const PeopleIcon = icon(
  <>
    <circle cx="9" cy="8" r="3.5" />
    <path d="M2.5 20c.8-3.6 3.3-5.5 6.5-5.5s5.700 1.900 6.500 5.500M16 5a3.500 3.500 0 0 1 0 6.500M18 14.800c2 .7 3.100 2.400 3.500 5.200" />
  </>,
);
export const FishIcon = icon(<path d="M3 12c3-5 9-6 13-2l5-4v12l-5-4c-4 4-10 3-13-2zM8 11v.1" />);
export const QueueIcon = icon(<path d="M12 3v9M8 8l4 4 4-4M4 14h4l1.500 3h5L16 14h4v6H4z" />);

/** The mark: three fish of one shoal. */
export function ShoalMark({ size = '1.75rem' }: { size?: string }): JSX.Element {
  return (
    <svg
      viewBox={MARK_VIEW}
      style={{ width: size, height: 'auto', flex: 'none' }}
      aria-hidden="true"
      fill="currentColor"
    >
      {MARK.map((fish) => (
        <path key={fish.d} {...fish} />
      ))}
    </svg>
  );
}
export const LensIcon = icon(
  <>
    <circle cx="10.5" cy="10.5" r="6.5" />
    <path d="M15.5 15.5 21 21M8 10.5h5M10.5 8v5" />
  </>,
);
