/** Some farms, or all of them. */
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import type { JSX } from 'react';
import { t } from '../../i18n';
import { useSites } from './queries';

interface Props {
  /** Slugs; none stands for all. */
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
  allText?: string;
}

export function SiteChoice({ chosen, onChange, allText = t('rollouts.all_sites') }: Props): JSX.Element {
  const sites = useSites().data ?? [];
  return (
    <TextField
      select
      fullWidth
      label={t('rollouts.sites')}
      value={chosen}
      onChange={(event) => onChange(event.target.value as unknown as string[])}
      slotProps={{
        inputLabel: { shrink: true },
        select: {
          multiple: true,
          displayEmpty: true,
          renderValue: (value) =>
            (value as string[]).length === 0
              ? allText
              : (value as string[])
                  .map((slug) => sites.find((site) => site.slug === slug)?.name ?? slug)
                  .join(', '),
        },
      }}
    >
      {sites.map((site) => (
        <MenuItem key={site.slug} value={site.slug}>
          {site.name}
        </MenuItem>
      ))}
    </TextField>
  );
}
