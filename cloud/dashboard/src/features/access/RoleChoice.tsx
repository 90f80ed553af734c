/** One of the roles that the present person may give. */
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import type { JSX } from 'react';
import type { Role } from '../../api/types';
import { t } from '../../i18n';
import { useSession } from '../auth/useSession';
import { rolesToGive } from './words';

interface Props {
  role: Role;
  machine?: boolean;
  onChange: (role: Role) => void;
}

export function RoleChoice({ role, machine = false, onChange }: Props): JSX.Element {
  const mine = useSession()?.user.role ?? 'viewer';
  return (
    <TextField
      select
      fullWidth
      label={t('access.role')}
      value={role}
      helperText={t(`role_text.${role}`)}
      onChange={(event) => onChange(event.target.value as Role)}
    >
      {rolesToGive(mine, machine).map((each) => (
        <MenuItem key={each} value={each}>
          {t(`role.${each}`)}
        </MenuItem>
      ))}
    </TextField>
  );
}
