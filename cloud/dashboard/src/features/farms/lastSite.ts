/** The farm that was looked at last on this computer. */
const KEY = 'shoal.site';

export function lastSite(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function rememberSite(site: string): void {
  try {
    localStorage.setItem(KEY, site);
  } catch {
    // Storage may be forbidden; the next visit then begins with the first farm.
  }
}
