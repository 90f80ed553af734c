/** Roles that may be given, and moments that may be missing. */
import type { Role } from '../../api/types';
import { t } from '../../i18n';
import { farmDateTime } from '../../kit/time';
import { reaches } from '../auth/rules';

const ROLES: readonly Role[] = ['viewer', 'operator', 'farm_manager', 'fleet_admin', 'platform_admin'];

/** Nobody gives more than they have; a machine never administers the platform. */
export function rolesToGive(mine: Role, machine = false): readonly Role[] {
  return ROLES.filter((role) => reaches(mine, role) && !(machine && role === 'platform_admin'));
}

export function momentText(at: string | null, timezone: string): string {
  return at === null ? '–' : farmDateTime(Date.parse(at), timezone);
}

export function sitesText(sites: readonly string[] | null | undefined): string {
  return sites?.join(', ') ?? t('access.all_sites');
}
