/** The newest value of everything on a farm, pushed, or asked every two seconds while nothing comes; and series for charts. */
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { channelSeries, modelChanges, siteLatest } from '../../api/endpoints';
import type { ModelChange, Series, SiteLatest } from '../../api/types';
import { moment, type Moment } from '../../kit/clock';
import { liveLatest, rememberSite, usePush } from '../live/feed';

export const LATEST_POLL_MS = 2000;

/** An answer with the moment at which it arrived, from which all ages count on. */
export interface Snapshot {
  readonly latest: SiteLatest;
  readonly receivedAt: Moment;
}

export function useLatest(site: string | undefined): UseQueryResult<Snapshot> {
  const pushed = usePush() === 'speaking';
  return useQuery({
    queryKey: ['latest', site],
    queryFn: async ({ signal }): Promise<Snapshot> => {
      const latest = await siteLatest(site ?? '', signal);
      rememberSite(latest.site);
      return liveLatest(latest.site.slug) ?? { latest, receivedAt: moment() };
    },
    enabled: site !== undefined,
    refetchInterval: (query) => (pushed && query.state.data !== undefined ? false : LATEST_POLL_MS),
  });
}

export interface Span {
  readonly key: string;
  readonly seconds: number;
  readonly pollMs: number;
}

export const SPANS: readonly [Span, ...Span[]] = [
  { key: '1h', seconds: 3_600, pollMs: 5_000 },
  { key: '24h', seconds: 86_400, pollMs: 60_000 },
  { key: '7d', seconds: 604_800, pollMs: 300_000 },
];

export interface SeriesAnswer {
  readonly series: Series;
  readonly startMs: number;
  readonly endMs: number;
}

/** Since the fish came in; so long where nobody has written that down. */
export const CYCLE_S = 90 * 86_400;

/** About one bucket for each two pixels of a wide chart. */
const MAX_POINTS = 480;

/** A part of the time that a person looks at closer. */
export interface Zoom {
  readonly startMs: number;
  readonly endMs: number;
}

export interface SeriesAsked {
  readonly span: Span;
  /** Instead of the span; the server then tells finer buckets. */
  readonly zoom: Zoom | null;
  readonly skewMs: number;
}

export function useSeries(
  channelId: number | null,
  { span, zoom, skewMs }: SeriesAsked,
): UseQueryResult<SeriesAnswer> {
  return useQuery({
    queryKey: ['series', channelId, span.key, span.seconds, zoom?.startMs, zoom?.endMs],
    enabled: channelId !== null,
    queryFn: async ({ signal }): Promise<SeriesAnswer> => {
      const endMs = zoom?.endMs ?? Date.now() + skewMs;
      const startMs = zoom?.startMs ?? endMs - span.seconds * 1000;
      return {
        series: await channelSeries(channelId ?? 0, { startMs, endMs, maxPoints: MAX_POINTS }, signal),
        startMs,
        endMs,
      };
    },
    placeholderData: keepPreviousData,
    refetchInterval: zoom === null ? span.pollMs : false,
  });
}

/** Changes of a unit's models within what the charts show. They are rare, so they are asked for seldom. */
export function useModelChanges(
  unitId: number,
  { span, zoom, skewMs }: SeriesAsked,
): UseQueryResult<ModelChange[]> {
  return useQuery({
    queryKey: ['model-changes', unitId, span.key, span.seconds, zoom?.startMs, zoom?.endMs],
    queryFn: ({ signal }) => {
      const endMs = zoom?.endMs ?? Date.now() + skewMs;
      return modelChanges(unitId, zoom?.startMs ?? endMs - span.seconds * 1000, endMs, signal);
    },
    placeholderData: keepPreviousData,
    refetchInterval: zoom === null ? Math.max(span.pollMs, CHANGES_POLL_MS) : false,
  });
}

const CHANGES_POLL_MS = 60_000;
