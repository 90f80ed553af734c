/** A moment on two clocks: the wall clock survives sleep, the monotonic one survives corrections. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The present moment, read afresh. */
export function moment(): Moment {
  return { wallMs: Date.now(), monotonicMs: performance.now() };
}
