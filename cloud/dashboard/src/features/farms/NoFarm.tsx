/** What stands in the place of a page while its farm is not known: the way home stays. */
import Box from '@mui/material/Box';
import type { JSX, ReactNode } from 'react';
import { FarmHeader } from './FarmHeader';

export function NoFarm({ children }: { children: ReactNode }): JSX.Element {
  return (
    <>
      <FarmHeader sites={[]} snapshot={undefined} />
      <Box component="main">{children}</Box>
    </>
  );
}
