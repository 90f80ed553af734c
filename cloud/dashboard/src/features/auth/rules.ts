/** What each role may do. The server decides; this only keeps buttons away from people who cannot use them. */
import type { Role } from '../../api/types';

const RANK: Record<Role, number> = {
  viewer: 0,
  operator: 1,
  farm_manager: 2,
  fleet_admin: 3,
  platform_admin: 4,
};

export const ROLE_LABEL: Record<Role, string> = {
  viewer: 'Viewer',
  operator: 'Operator',
  farm_manager: 'Farm manager',
  fleet_admin: 'Fleet admin',
  platform_admin: 'Platform admin',
};

export function mayAcknowledge(role: Role): boolean {
  return RANK[role] >= RANK.operator;
}
