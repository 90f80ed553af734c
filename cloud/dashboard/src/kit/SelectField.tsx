/** One of a list that opens below its field. */
import MenuItem from '@mui/material/MenuItem';
import TextField, { type TextFieldProps } from '@mui/material/TextField';
import type { JSX, ReactNode } from 'react';

export type Option<T> = readonly [value: T, words: ReactNode];

interface Props<T extends string | number> extends Pick<
  TextFieldProps,
  'autoFocus' | 'disabled' | 'error' | 'fullWidth' | 'helperText' | 'required' | 'sx'
> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
}

export function SelectField<T extends string | number>({
  options,
  onChange,
  ...field
}: Props<T>): JSX.Element {
  // An empty value may be one of the options, and is then shown by its words.
  const shown = options.some(([value]) => value === '');
  return (
    <TextField
      select
      {...field}
      onChange={(event) => onChange(event.target.value as T)}
      {...(shown && { slotProps: { select: { displayEmpty: true }, inputLabel: { shrink: true } } })}
    >
      {options.map(([value, words]) => (
        <MenuItem key={value} value={value}>
          {words}
        </MenuItem>
      ))}
    </TextField>
  );
}
