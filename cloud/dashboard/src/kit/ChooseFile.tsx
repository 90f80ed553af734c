/** The button that chooses a file of this device; it is reached by keys too. */
import Button from '@mui/material/Button';
import type { JSX, ReactNode } from 'react';

interface Props {
  label: string;
  /** As the attribute of an input: media types and endings. */
  accept: string;
  testId: string;
  icon?: ReactNode;
  disabled?: boolean;
  onChoose: (file: File) => void;
}

export function ChooseFile({ label, accept, testId, icon, disabled = false, onChoose }: Props): JSX.Element {
  return (
    <Button
      component="label"
      // The input within is what keys reach.
      role={undefined}
      tabIndex={-1}
      variant="contained"
      disableElevation
      disabled={disabled}
      startIcon={icon}
      sx={{ '&:focus-within': { outline: '3px solid', outlineColor: 'primary.main', outlineOffset: '2px' } }}
    >
      {label}
      <input
        type="file"
        accept={accept}
        data-testid={testId}
        disabled={disabled}
        // Chosen again after a change, the same file must count as a choice.
        onClick={(event) => (event.currentTarget.value = '')}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file !== undefined) onChoose(file);
        }}
        style={{ position: 'absolute', width: 1, height: 1, opacity: 0 }}
      />
    </Button>
  );
}
