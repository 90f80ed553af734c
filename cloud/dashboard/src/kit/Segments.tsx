/** One of a few, side by side; one is always chosen. */
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup, { type ToggleButtonGroupProps } from '@mui/material/ToggleButtonGroup';
import type { JSX } from 'react';

interface Props<T extends string | number | boolean> extends Pick<
  ToggleButtonGroupProps,
  'fullWidth' | 'sx'
> {
  label: string;
  value: T;
  options: readonly (readonly [value: T, words: string])[];
  onChange: (value: T) => void;
}

export function Segments<T extends string | number | boolean>(props: Props<T>): JSX.Element {
  const { label, value, options, onChange, ...group } = props;
  return (
    <ToggleButtonGroup
      exclusive
      value={value}
      aria-label={label}
      onChange={(_event, chosen: T | null) => chosen !== null && onChange(chosen)}
      {...group}
    >
      {options.map(([each, words]) => (
        <ToggleButton key={String(each)} value={each} sx={{ px: { xs: 1, sm: 2 } }}>
          {words}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
