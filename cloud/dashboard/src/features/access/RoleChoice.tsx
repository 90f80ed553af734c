/** One of the roles that the present person may give. */
import type { JSX } from 'react';
import type { Role } from '../../api/types';
import { t } from '../../i18n';
import { SelectField } from '../../kit/SelectField';
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
    <SelectField
      fullWidth
      label={t('access.role')}
      value={role}
      options={rolesToGive(mine, machine).map((each) => [each, t(`role.${each}`)])}
      helperText={t(`role_text.${role}`)}
      onChange={onChange}
    />
  );
}
