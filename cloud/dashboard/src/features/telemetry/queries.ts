/** The newest value of everything on a farm, pushed, or asked every two seconds while nothing comes; and series for charts. */
import { keepPreviousData, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { channelSeries, modelChanges, siteLatest, unitCounts } from '../../api/endpoints';
import type { CountSeries, ModelChange, Series, SiteLatest } from '../../api/types';
import { moment, type Moment } from '../../kit/clock';
import { liveLatest, rememberSite, usePush } from '../live/feed';
import { countsAsked, type CountsAsked } from './counts';
import { toColumns, type Columns } from './gaps';
import { joined, type Piece } from './pieces';
import { around, type Zoom } from './window';

export type { Zoom } from './window';

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
  readonly columns: Columns;
  /** Some readings of it are not good. */
  readonly doubtful: boolean;
  /** What was asked to be shown. */
  readonly startMs: number;
  readonly endMs: number;
  /** What is here, which may be more. */
  readonly loaded: Zoom;
  /** Why what was asked did not come, so that this is what was here before; null when it did. */
  readonly fault: string | null;
}

/** Since the fish came in; so long where nobody has written that down. */
export const CYCLE_S = 90 * 86_400;

/** About one bucket for each two pixels of a wide chart. */
const MAX_POINTS = 480;

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
  const client = useQueryClient();
  return useQuery({
    queryKey: ['series', channelId, span.key, span.seconds, zoom?.startMs, zoom?.endMs],
    enabled: channelId !== null,
    queryFn: async ({ signal }): Promise<SeriesAnswer> => {
      const nowMs = Date.now() + skewMs;
      const view = zoom ?? { startMs: nowMs - span.seconds * 1000, endMs: nowMs };
      // Who looks closer will move along, so that the time beside it comes, too, at the same fineness.
      const asked = zoom === null ? view : around(view, nowMs);
      const share = (asked.endMs - asked.startMs) / (view.endMs - view.startMs);
      const maxPoints = Math.round(MAX_POINTS * share);
      const key = ['series pieces', channelId];
      const kept = zoom === null ? undefined : client.getQueryData<Piece>(key);
      let series: Series;
      try {
        series = await channelSeries(channelId ?? 0, { ...asked, maxPoints }, signal);
      } catch (error) {
        // Who moves along a chart keeps what is there while the server is away.
        if (kept === undefined || signal.aborted || !(error instanceof Error)) throw error;
        return answerOf(kept, view, false, error.message);
      }
      const columns = toColumns(series.points, series.bucket_s);
      const fresh: Piece = { bucketS: series.bucket_s, fromMs: asked.startMs, toMs: asked.endMs, columns };
      const piece = joined(kept, fresh);
      if (zoom !== null) client.setQueryData(key, piece);
      const doubtful = series.points.some((point) => point.good < point.n);
      return answerOf(piece, view, doubtful, null);
    },
    // A window that was left is loaded anew when somebody comes back: what was kept of it lies in the pieces.
    gcTime: zoom === null ? 300_000 : 10_000,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      zoom === null ? span.pollMs : state.data?.fault == null ? false : AGAIN_MS,
  });
}

const AGAIN_MS = 5_000;

function answerOf(piece: Piece, view: Zoom, doubtful: boolean, fault: string | null): SeriesAnswer {
  const loaded = { startMs: piece.fromMs, endMs: piece.toMs };
  return { columns: piece.columns, doubtful, ...view, loaded, fault };
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

export interface CountsAnswer {
  readonly series: CountSeries;
  readonly asked: CountsAsked;
  /** What was to be shown. */
  readonly view: Zoom;
  /** The window is longer than one answer, so that its older part is not here. */
  readonly shortened: boolean;
}

/** Fish that the cameras of a unit saw within what the charts show. */
export function useCounts(unitId: number, { span, zoom, skewMs }: SeriesAsked): UseQueryResult<CountsAnswer> {
  const part = zoom === null ? null : countsAsked(zoom);
  return useQuery({
    queryKey: ['counts', unitId, span.key, span.seconds, part?.startMs, part?.endMs],
    queryFn: async ({ signal }): Promise<CountsAnswer> => {
      const endMs = zoom?.endMs ?? Date.now() + skewMs;
      const view = zoom ?? { startMs: endMs - span.seconds * 1000, endMs };
      const asked = part ?? countsAsked(view);
      const series = await unitCounts(unitId, asked, signal);
      return { series, asked, view, shortened: asked.startMs > view.startMs };
    },
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      zoom === null || state.status === 'error' ? Math.max(span.pollMs, CHANGES_POLL_MS) : false,
  });
}
