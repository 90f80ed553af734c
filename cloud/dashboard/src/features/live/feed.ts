/**
 * The live stream of the farm that is looked at, written where every page reads: the cache of queries. While it speaks
 * nobody polls; when it is quiet or gone, the pages ask again by themselves, so that silence always has two witnesses.
 */
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { freshToken } from '../../api/client';
import type { Alarm, Site, SiteLatest } from '../../api/types';
import { moment, type Moment } from '../../kit/clock';
import { presentSession } from '../auth/session';
import { useSession } from '../auth/useSession';
import { Connection, type LinkPhase, type Socket } from './connection';
import { latestOf, withAlarm, type Known } from './state';

/** A stream that has said nothing for so long is checked by asking: shorter than the banner's patience. */
const QUIET_AFTER_MS = 4_000;
/** Between two pages of a farm the stream goes on. */
const LINGER_MS = 3_000;
/** A first try may fail while a server restarts; after the second the page says that it has to ask. */
const TOLD_AFTER_FAILURES = 2;

export type Push = 'speaking' | 'quiet' | 'refused';

interface Feed {
  readonly client: QueryClient;
  readonly name: string;
  readonly site: string;
  readonly connection: Connection;
  known: Known | null;
  about: Site | null;
  heardAt: Moment | null;
  phase: LinkPhase;
  failures: number;
  users: number;
}

let feed: Feed | null = null;
let push: Push = 'quiet';
let quietTimer: ReturnType<typeof setTimeout> | undefined;
let lingerTimer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

/** Follow a farm while the component is there; several may follow the same. */
export function useLiveFeed(site: string | undefined): void {
  const client = useQueryClient();
  const user = useSession()?.user.id;
  useEffect(() => {
    if (site === undefined || user === undefined) return undefined;
    const mine = follow(client, site, `${user}/${site}`);
    return () => leave(mine);
  }, [client, site, user]);
}

/** Whether changes come by themselves. */
export function usePush(): Push {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => push,
  );
}

/** What a poll should give: the stream's own state while it speaks, for an answer may have been overtaken by it. */
export function liveLatest(site: string): { latest: SiteLatest; receivedAt: Moment } | null {
  if (push !== 'speaking' || feed?.site !== site) return null;
  const { known, about, heardAt } = feed;
  return known && about && heardAt ? { latest: latestOf(known, about), receivedAt: heardAt } : null;
}

export function liveAlarms(site: string): { alarms: readonly Alarm[]; receivedAt: Moment } | null {
  if (push !== 'speaking' || feed?.site !== site) return null;
  const { known, heardAt } = feed;
  return known && heardAt ? { alarms: [...known.alarms.values()], receivedAt: heardAt } : null;
}

/** The stream does not tell a farm's name and time zone; the first answer does. */
export function rememberSite(site: Site): void {
  if (feed?.site === site.slug) feed.about = site;
}

/** An alarm as the server answered it to a click. */
export function rememberAlarm(alarm: Alarm): void {
  feed?.connection.change((known) => (feed?.site === alarm.site ? withAlarm(known, alarm) : known));
}

function follow(client: QueryClient, site: string, name: string): Feed {
  clearTimeout(lingerTimer);
  if (feed?.name === name) {
    feed.users += 1;
    return feed;
  }
  end();
  const connection = new Connection(site, {
    open: openSocket,
    token: freshToken,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    chance: Math.random,
    onKnown: (known) => heard(mine, known),
    onPhase: (phase, failures) => {
      mine.phase = phase;
      mine.failures = failures;
      judge();
    },
  });
  const cached = client.getQueryData<{ latest: SiteLatest }>(['latest', site]);
  const mine: Feed = {
    client,
    name,
    site,
    connection,
    known: null,
    about: cached?.latest.site ?? null,
    heardAt: null,
    phase: 'connecting',
    failures: 0,
    users: 1,
  };
  feed = mine;
  window.addEventListener('online', hurry);
  connection.start();
  return mine;
}

function leave(mine: Feed): void {
  mine.users -= 1;
  if (mine !== feed || mine.users > 0) return;
  if (presentSession() === null) end();
  else lingerTimer = setTimeout(end, LINGER_MS);
}

function end(): void {
  window.removeEventListener('online', hurry);
  clearTimeout(quietTimer);
  feed?.connection.end();
  feed = null;
  judge();
}

function hurry(): void {
  feed?.connection.hurry();
}

function heard(mine: Feed, known: Known): void {
  if (mine !== feed) return;
  mine.known = known;
  mine.heardAt = moment();
  clearTimeout(quietTimer);
  quietTimer = setTimeout(judge, QUIET_AFTER_MS + 50);
  judge();
  const latest = liveLatest(mine.site);
  if (latest !== null) mine.client.setQueryData(['latest', mine.site], latest);
  mine.client.setQueryData(['alarms', mine.site], liveAlarms(mine.site));
}

/** Speaking: open, and heard a moment ago. */
function judge(): void {
  let next: Push = 'quiet';
  if (feed !== null && feed.phase === 'open' && feed.heardAt !== null) {
    const silent = moment().monotonicMs - feed.heardAt.monotonicMs;
    if (silent < QUIET_AFTER_MS) next = 'speaking';
  } else if (feed !== null && feed.failures >= TOLD_AFTER_FAILURES) next = 'refused';
  if (next === push) return;
  const silenced = push === 'speaking';
  push = next;
  for (const listener of listeners) listener();
  if (!silenced || feed === null) return;
  // Asked at once, not after a first interval.
  void feed.client.invalidateQueries({ queryKey: ['latest', feed.site] });
  void feed.client.invalidateQueries({ queryKey: ['alarms', feed.site] });
}

function openSocket(token: string): Socket {
  const address = new URL('/api/v1/live', window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(address, ['shoal.live.v1', `bearer.${token}`]);
  const given: Socket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (text) => socket.send(text),
    close: () => socket.close(),
  };
  socket.onopen = () => given.onopen?.();
  socket.onmessage = (event: MessageEvent<unknown>) => given.onmessage?.(event);
  socket.onclose = () => given.onclose?.();
  return given;
}
