/** Whether the person at this screen may do what a role may; false while nobody is signed in. */
import type { Role } from '../../api/types';
import { reaches } from './rules';
import { useSession } from './useSession';

export function useMay(least: Role): boolean {
  const session = useSession();
  return session !== null && reaches(session.user.role, least);
}
