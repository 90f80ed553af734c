/** What part of the time a chart shows, and how it is moved and resized. Pure. */

/** A part of the time that a person looks at closer. */
export interface Zoom {
  readonly startMs: number;
  readonly endMs: number;
}

/** A minute of a chart is single readings; nothing is seen closer. */
const LEAST_MS = 60_000;
/** The longest series that one request may ask for. */
export const MOST_MS = 366 * 86_400_000;
/** So much of a chart may lie in the future: an edge to hold on to, not a way out of sight. */
const FUTURE = 0.1;

export function moved({ startMs, endMs }: Zoom, byMs: number): Zoom {
  return { startMs: startMs + byMs, endMs: endMs + byMs };
}

/** Wider (`factor` above 1) or closer, about a moment that keeps its place. */
export function resized({ startMs, endMs }: Zoom, factor: number, aboutMs: number): Zoom {
  const width = Math.min(MOST_MS, Math.max(LEAST_MS, (endMs - startMs) * factor));
  const share = endMs > startMs ? (aboutMs - startMs) / (endMs - startMs) : 0.5;
  return { startMs: aboutMs - share * width, endMs: aboutMs + (1 - share) * width };
}

/** The same width, no further into the future than is of use. */
export function bounded(window: Zoom, nowMs: number): Zoom {
  const latest = nowMs + FUTURE * (window.endMs - window.startMs);
  return window.endMs > latest ? moved(window, latest - window.endMs) : window;
}

/** What is asked for, for a window: one more of its width on each side, so that there is something to move into. */
export function around({ startMs, endMs }: Zoom, nowMs: number): Zoom {
  const width = endMs - startMs;
  const to = Math.max(endMs, Math.min(endMs + width, nowMs));
  return { startMs: Math.max(startMs - width, to - MOST_MS), endMs: to };
}

/** Whether what is loaded ends within half a width of the window, so that more should be on its way. */
export function runsOut(window: Zoom, loaded: Zoom, nowMs: number): boolean {
  const half = (window.endMs - window.startMs) / 2;
  return (
    window.startMs - half < loaded.startMs || Math.min(window.endMs + half, nowMs) > loaded.endMs + 1_000
  );
}
