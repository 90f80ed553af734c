/** The newest of a farm, asked while React is still on its way, for the first picture of the wall and for the cache of queries. */
import { listSites, openAlarms, siteLatest } from '../../api/first';
import type { Alarm, Site, SiteLatest } from '../../api/types';
import { moment, type Moment } from '../../kit/moment';
import { lastSite } from './lastSite';

export interface FirstLook {
  readonly sites: Site[];
  readonly latest: SiteLatest;
  readonly receivedAt: Moment;
  /** Changed by what a person does before React is here. */
  alarms: readonly Alarm[];
}

/** Look at the farm whose wall an address leads to. Null where it leads elsewhere or something is not told: the page then asks by itself. */
export async function lookAt(path: string): Promise<FirstLook | null> {
  const named = /^\/sites\/([^/]+)\/?$/.exec(path)?.[1];
  if (named === undefined && path !== '/') return null;
  try {
    const { signal } = new AbortController();
    const sites = listSites(signal);
    // Who waits for the others hears of its failure there.
    sites.catch(() => undefined);
    const site = named ?? lastSite() ?? (await sites)[0]?.slug;
    if (site === undefined) return null;
    const [latest, alarms, known] = await Promise.all([
      siteLatest(site, signal),
      openAlarms(site, signal),
      sites,
    ]);
    if (!known.some((each) => each.slug === site)) return null;
    return { sites: known, latest, receivedAt: moment(), alarms };
  } catch {
    return null;
  }
}
