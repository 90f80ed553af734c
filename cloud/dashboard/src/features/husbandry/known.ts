/** The units and batches of a farm as they were heard last on this computer, so that a record can be written without the server. */
import { useEffect, useMemo } from 'react';
import type { Holding, SiteLatest } from '../../api/types';

export interface KnownFarm {
  readonly timezone: string;
  readonly units: readonly { readonly slug: string; readonly name: string }[];
  readonly stock: readonly { readonly unit: string; readonly batch: string }[];
}

function key(site: string): string {
  return `shoal.known.${site}`;
}

/** What is known of a farm: from the server when it answers, otherwise from the last time; null when it was never heard here. */
export function useKnownFarm(
  site: string,
  latest: SiteLatest | undefined,
  holdings: readonly Holding[] | undefined,
): KnownFarm | null {
  const told = useMemo(() => (latest === undefined ? null : tell(latest, holdings)), [latest, holdings]);
  const text = told === null ? null : JSON.stringify(told);
  useEffect(() => {
    if (text === null || holdings === undefined) return;
    try {
      localStorage.setItem(key(site), text);
    } catch {
      // Storage may be forbidden; records then need the server.
    }
  }, [site, text, holdings]);
  return useMemo(() => {
    const kept = text !== null && holdings !== undefined ? text : (read(site) ?? text);
    return kept === null ? null : (JSON.parse(kept) as KnownFarm);
  }, [site, text, holdings]);
}

function tell(latest: SiteLatest, holdings: readonly Holding[] | undefined): KnownFarm {
  return {
    timezone: latest.site.timezone,
    units: latest.units.map(({ unit }) => ({ slug: unit.slug, name: unit.name })),
    stock: (holdings ?? []).map(({ unit, batch }) => ({ unit, batch })),
  };
}

function read(site: string): string | null {
  try {
    return localStorage.getItem(key(site));
  } catch {
    return null;
  }
}
