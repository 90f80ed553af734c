/** Parts of a page, one at a time; the address names the part, so that a reload and a link lead to the same. */
import MuiTab from '@mui/material/Tab';
import MuiTabs from '@mui/material/Tabs';
import Box from '@mui/material/Box';
import type { JSX, ReactNode } from 'react';
import { useSearchParams } from 'react-router';

export interface Part {
  readonly key: string;
  readonly label: string;
  readonly content: () => ReactNode;
}

export function Tabs({ label, parts }: { label: string; parts: readonly [Part, ...Part[]] }): JSX.Element {
  const [search, setSearch] = useSearchParams();
  const shown = parts.find((part) => part.key === search.get('part')) ?? parts[0];
  return (
    <>
      <MuiTabs
        value={shown.key}
        aria-label={label}
        variant="scrollable"
        scrollButtons="auto"
        allowScrollButtonsMobile
        onChange={(_event, key: string) => setSearch({ part: key }, { replace: true })}
        sx={{ borderBottom: '1px solid', borderColor: 'divider', mb: 2 }}
      >
        {parts.map((part) => (
          <MuiTab
            key={part.key}
            value={part.key}
            label={part.label}
            id={`tab-${part.key}`}
            aria-controls={`panel-${part.key}`}
            sx={{ textTransform: 'none', minHeight: '3rem', fontSize: '0.9375rem' }}
          />
        ))}
      </MuiTabs>
      <Box role="tabpanel" id={`panel-${shown.key}`} aria-labelledby={`tab-${shown.key}`}>
        {shown.content()}
      </Box>
    </>
  );
}
