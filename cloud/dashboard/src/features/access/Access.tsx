/** Who may do what: users, invitations, keys of machines, and what was changed by whom. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import { AuditLog } from './AuditLog';
import { Invitations } from './Invitations';
import { Keys } from './Keys';
import { Users } from './Users';

export function Access({ timezone }: { timezone: string }): JSX.Element {
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Users timezone={timezone} />
      <Invitations timezone={timezone} />
      <Keys timezone={timezone} />
      <AuditLog timezone={timezone} />
    </Box>
  );
}
