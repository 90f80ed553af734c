/** The newest value of everything on a farm, asked every two seconds while someone looks; and series for charts. */
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { channelSeries, siteLatest } from '../../api/endpoints';
import type { Series, SiteLatest } from '../../api/types';
import { moment, type Moment } from '../../kit/clock';

export const LATEST_POLL_MS = 2000;

/** An answer with the moment at which it arrived, from which all ages count on. */
export interface Snapshot {
  readonly latest: SiteLatest;
  readonly receivedAt: Moment;
}

export function useLatest(site: string | undefined): UseQueryResult<Snapshot> {
  return useQuery({
    queryKey: ['latest', site],
    queryFn: async ({ signal }): Promise<Snapshot> => ({
      latest: await siteLatest(site ?? '', signal),
      receivedAt: moment(),
    }),
    enabled: site !== undefined,
    refetchInterval: LATEST_POLL_MS,
  });
}

export interface Span {
  readonly key: string;
  readonly label: string;
  readonly seconds: number;
  readonly pollMs: number;
}

export const SPANS: readonly [Span, ...Span[]] = [
  { key: '1h', label: '1 h', seconds: 3_600, pollMs: 5_000 },
  { key: '24h', label: '24 h', seconds: 86_400, pollMs: 60_000 },
  { key: '7d', label: '7 d', seconds: 604_800, pollMs: 300_000 },
];

export interface SeriesAnswer {
  readonly series: Series;
  readonly startMs: number;
  readonly endMs: number;
}

/** About one bucket for each two pixels of a wide chart. */
const MAX_POINTS = 480;

export function useSeries(channelId: number, span: Span, skewMs: number): UseQueryResult<SeriesAnswer> {
  return useQuery({
    queryKey: ['series', channelId, span.key],
    queryFn: async ({ signal }): Promise<SeriesAnswer> => {
      const endMs = Date.now() + skewMs;
      const startMs = endMs - span.seconds * 1000;
      return {
        series: await channelSeries(channelId, { startMs, endMs, maxPoints: MAX_POINTS }, signal),
        startMs,
        endMs,
      };
    },
    placeholderData: keepPreviousData,
    refetchInterval: span.pollMs,
  });
}
