/** Roles that may be given, links that are shown once, and moments that may be missing. */
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

/** Where a one-time token is used. It stands in the fragment, which browsers send to no server. */
export function joinLink(token: string, reset: boolean): string {
  return `${window.location.origin}/join#${reset ? 'reset' : 'token'}=${encodeURIComponent(token)}`;
}
