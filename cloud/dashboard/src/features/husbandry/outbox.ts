/**
 * Records that were written here and are not yet in the farm's diary. Each is kept in this browser before anything is sent, and
 * leaves only when the server has answered. Its id makes it one record however often it is sent; what the server refuses stays, with
 * the reason, until the person who wrote it decides.
 */
import { useSyncExternalStore } from 'react';
import { ApiError } from '../../api/client';
import { addRecord } from '../../api/endpoints';
import type { AnyRecord } from '../../api/types';
import { presentSession } from '../auth/session';

export interface Waiting {
  readonly id: string;
  readonly site: string;
  /** E-mail of who wrote it: nobody else sends it under their own name. */
  readonly author: string;
  readonly record: AnyRecord;
  readonly writtenAt: string;
  /** Why the server refused it; null while it waits. */
  readonly refused: string | null;
}

export type Outcome = 'recorded' | 'refused' | 'later';

/** More than a shift writes; a full box says so instead of forgetting something. */
export const CAPACITY = 1000;
const RETRY_MS = 10_000;
const DATABASE = 'shoal';
const STORE = 'records';

const listeners = new Set<() => void>();
let waiting: readonly Waiting[] = [];
let opened: Promise<IDBDatabase> | null = null;
let timer: ReturnType<typeof setInterval> | undefined;

/** What an answer means for a record that waits. Pure. */
export function outcomeOf(error: unknown): Outcome {
  if (error === null) return 'recorded';
  if (!(error instanceof ApiError)) return 'later';
  const { status } = error;
  // Signed out, too many at once, or a server that is away: the record itself is not at fault.
  if (status === null || status >= 500 || status === 401 || status === 408 || status === 429) return 'later';
  return 'refused';
}

/** Write a record into the box, then try to send everything. Resolves when it is kept, not when it is sent. */
export async function write(site: string, record: AnyRecord): Promise<void> {
  const session = presentSession();
  if (session === null) throw new Error('nobody is signed in');
  const all = await readAll();
  if (all.length >= CAPACITY)
    throw new Error(`${CAPACITY} records already wait here; send or discard some first`);
  const item: Waiting = {
    id: record.id,
    site,
    author: session.user.email,
    record,
    writtenAt: new Date().toISOString(),
    refused: null,
  };
  await change((store) => store.put(item));
  void send();
}

/** Take a record out of the box for good, by the word of its author. */
export function discard(id: string): Promise<void> {
  return change((store) => store.delete(id));
}

/** Try a refused record again, as it is. */
export async function retry(item: Waiting): Promise<void> {
  await change((store) => store.put({ ...item, refused: null }));
  await send();
}

/** Send what waits, oldest first. One tab at a time; what fails for lack of a server waits for the next time. */
export async function send(): Promise<void> {
  await navigator.locks.request('shoal.outbox', { ifAvailable: true }, async (lock) => {
    if (lock === null) return;
    const mine = presentSession()?.user.email;
    for (const item of await readAll()) {
      if (item.refused !== null || item.author !== mine) continue;
      const error = await addRecord(item.site, item.record).then(
        () => null,
        (reason: unknown) => reason,
      );
      const outcome = outcomeOf(error);
      if (outcome === 'later') break;
      if (outcome === 'recorded') await change((store) => store.delete(item.id));
      else
        await change((store) => store.put({ ...item, refused: error instanceof Error ? error.message : '' }));
    }
  });
}

/** The records that wait, rendering again when they change. */
export function useWaiting(): readonly Waiting[] {
  return useSyncExternalStore(subscribe, () => waiting);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) {
    void refresh();
    void send();
    timer = setInterval(() => {
      if (waiting.some((item) => item.refused === null)) void send();
    }, RETRY_MS);
    window.addEventListener('online', online);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      window.removeEventListener('online', online);
    }
  };
}

function online(): void {
  void send();
}

async function refresh(): Promise<void> {
  waiting = await readAll();
  for (const listener of listeners) listener();
}

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('this browser keeps no data'));
  });
  return opened;
}

async function readAll(): Promise<Waiting[]> {
  const store = (await database()).transaction(STORE).objectStore(STORE);
  const all = await new Promise<Waiting[]>((resolve, reject) => {
    const request = store.getAll() as IDBRequest<Waiting[]>;
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the records could not be read'));
  });
  return all.sort((a, b) => a.writtenAt.localeCompare(b.writtenAt));
}

/** Change the store and wait until the change is on the disk. */
async function change(act: (store: IDBObjectStore) => unknown): Promise<void> {
  const transaction = (await database()).transaction(STORE, 'readwrite', { durability: 'strict' });
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error ?? new Error('the record could not be kept'));
    transaction.onabort = () => reject(transaction.error ?? new Error('the record could not be kept'));
  });
  act(transaction.objectStore(STORE));
  await done;
  await refresh();
}
