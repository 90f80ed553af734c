/** A plain table: scrolls sideways where it must, and keeps its head in sight. Rows may be wider than a phone; pages are not. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';

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
      <Box component="table" sx={tableSx}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Box component="th" scope="col" key={column.head} sx={{ textAlign: column.align ?? 'left' }}>
                {column.head}
              </Box>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <Box component="td" key={column.head} sx={{ textAlign: column.align ?? 'left' }}>
                  {column.cell(row)}
                </Box>
              ))}
            </tr>
          ))}
        </tbody>
      </Box>
    </Box>
  );
}

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
  '& td > .MuiButton-root': { my: -1.25 },
};
