/** Which boxes are shown: of this farm or of all, those that a person looks for, those with a fault; and the rows as CSV. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import FormControlLabel from '@mui/material/FormControlLabel';
import Switch from '@mui/material/Switch';
import TextField from '@mui/material/TextField';
import type { JSX } from 'react';
import { t } from '../../i18n';
import { DownloadIcon } from '../../kit/icons';

export interface BoxChoice {
  readonly all: boolean;
  readonly bad: boolean;
  readonly search: string;
}

export const EVERY_BOX: BoxChoice = { all: false, bad: false, search: '' };

interface Props {
  choice: BoxChoice;
  onChange: (choice: BoxChoice) => void;
  /** What stands on the switch that hides what is well. */
  badText: string;
  onCsv: () => void;
  csvDisabled: boolean;
}

export function BoxFilter({ choice, onChange, badText, onCsv, csvDisabled }: Props): JSX.Element {
  const { all, bad, search } = choice;
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: 2, rowGap: 1, mb: 1.5 }}>
      <TextField
        label={t('fleet.search')}
        type="search"
        size="small"
        value={search}
        onChange={(event) => onChange({ ...choice, search: event.target.value })}
        sx={{ flex: '1 1 11rem', maxWidth: '20rem' }}
      />
      <FormControlLabel
        control={<Switch checked={all} onChange={(_event, on) => onChange({ ...choice, all: on })} />}
        label={t('fleet.all_farms')}
      />
      <FormControlLabel
        control={<Switch checked={bad} onChange={(_event, on) => onChange({ ...choice, bad: on })} />}
        label={badText}
      />
      <Button
        variant="outlined"
        color="inherit"
        startIcon={<DownloadIcon />}
        disabled={csvDisabled}
        onClick={onCsv}
      >
        CSV
      </Button>
    </Box>
  );
}

/** Whether the text that a person looks for is in one of these. */
export function hasText(search: string, ...texts: readonly (string | null | undefined)[]): boolean {
  const wanted = search.trim().toLowerCase();
  return wanted === '' || texts.some((text) => text?.toLowerCase().includes(wanted) === true);
}
