/** What each role may do. The server decides; this only keeps buttons away from people who cannot use them. */
import type { Role } from '../../api/types';

const RANK: Record<Role, number> = {
  viewer: 0,
  operator: 1,
  farm_manager: 2,
  fleet_admin: 3,
  platform_admin: 4,
};

/** Whether a role reaches at least as far as another. */
export function reaches(role: Role, least: Role): boolean {
  return RANK[role] >= RANK[least];
}
