/**
 * A plain table: scrolls sideways where it must. On a phone each row is a card whose values stand beside the names of their columns;
 * the roles stay those of a table, whatever it looks like.
 */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import { visuallyHidden } from './hidden';

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => ReactNode;
  readonly align?: 'right';
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string | number;
  /** Said in place of the table when it has no row. */
  empty?: string;
}

export function Table<T>({ label, columns, rows, rowKey, empty }: Props<T>): JSX.Element {
  if (rows.length === 0 && empty !== undefined) return <Typography color="textSecondary">{empty}</Typography>;
  return (
    // A region that scrolls must be reachable by keyboard.
    <Box role="region" aria-label={label} tabIndex={0} sx={{ overflowX: 'auto', scrollbarWidth: 'thin' }}>
      <Box component="table" role="table" sx={tableSx}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <Box
                component="th"
                role="columnheader"
                scope="col"
                key={column.head}
                sx={{ textAlign: column.align ?? 'left' }}
              >
                {column.head}
              </Box>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr role="row" key={rowKey(row)}>
              {columns.map((column) => (
                <Box
                  component="td"
                  role="cell"
                  key={column.head}
                  data-head={column.head}
                  sx={{ textAlign: { xs: 'left', sm: column.align ?? 'left' } }}
                >
                  <div>{column.cell(row)}</div>
                </Box>
              ))}
            </tr>
          ))}
        </tbody>
      </Box>
    </Box>
  );
}

/** Narrower than this a table is a list of cards. */
const CARDS = '@media (max-width: 599.95px)';

const tableSx = {
  width: '100%',
  borderCollapse: 'collapse',
  fontSize: '0.9375rem',
  // Words stay whole: the table scrolls instead.
  overflowWrap: 'break-word',
  '& th': {
    color: 'text.secondary',
    fontWeight: 600,
    fontSize: '0.8125rem',
    whiteSpace: 'nowrap',
    px: 1.25,
    py: 1,
  },
  '& td': { px: 1.25, py: 1.25, borderTop: '1px solid', borderColor: 'divider', verticalAlign: 'top' },
  // The name that leads a row may break once, not at every word.
  '& th:first-of-type, & td:first-of-type': { pl: 0.5, minWidth: '4.75rem' },
  // A button is as high as a finger; its word stands on the line of the words beside it.
  '& td > div > .MuiButton-root': { my: -1.25 },
  [CARDS]: {
    '&, & tbody, & tr, & td': { display: 'block' },
    '& thead': { ...visuallyHidden },
    '& tr': { borderTop: '1px solid', borderColor: 'divider', py: 1 },
    '& td, & td:first-of-type': {
      display: 'grid',
      gridTemplateColumns: '6rem minmax(0, 1fr)',
      columnGap: 1.5,
      alignItems: 'baseline',
      border: 0,
      px: 0.5,
      py: 0.5,
      overflowWrap: 'anywhere',
    },
    '& td::before': { content: 'attr(data-head)', color: 'text.secondary', fontSize: '0.8125rem' },
    '& td > div > .MuiButton-root': { my: 0 },
  },
};
