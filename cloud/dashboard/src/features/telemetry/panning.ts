/**
 * A chart is moved along its time with a finger, with the pointer while shift is held, or sideways with a wheel; two fingers, or a wheel
 * with ctrl, look closer. What is shown follows within the same frame from what is loaded, whatever the server does meanwhile.
 */
import type uPlot from 'uplot';
import { bounded, moved, resized, type Zoom } from './window';

export interface Shown {
  /** What the chart shows now. */
  readonly window: () => Zoom;
  /** Show this instead, at the next frame. */
  readonly show: (window: Zoom) => void;
  /** The hand is off the chart; what is shown stays. */
  readonly rest: () => void;
  readonly nowMs: () => number;
}

/** So long after the last turn of a wheel it rests. */
const WHEEL_RESTS_MS = 250;

export function movable(chart: uPlot, { window, show, rest, nowMs }: Shown): void {
  const { over } = chart;
  // Up and down still scrolls the page.
  over.style.touchAction = 'pan-y';
  const pointers = new Map<number, number>();
  let from: { window: Zoom; centre: number; spread: number } | null = null;

  const place = (x: number, of: Zoom): number => {
    const box = over.getBoundingClientRect();
    return of.startMs + ((x - box.left) / box.width) * (of.endMs - of.startMs);
  };
  const grasp = (): { centre: number; spread: number } => {
    const xs = [...pointers.values()];
    const [least, most] = [Math.min(...xs), Math.max(...xs)];
    return { centre: (least + most) / 2, spread: Math.max(20, most - least) };
  };
  const hold = (): void => {
    from = pointers.size === 0 ? null : { window: window(), ...grasp() };
  };
  const begin = (event: PointerEvent): void => {
    if (!event.shiftKey && event.pointerType !== 'touch') return;
    pointers.set(event.pointerId, event.clientX);
    over.setPointerCapture(event.pointerId);
    hold();
  };
  const move = (event: PointerEvent): void => {
    if (from === null || !pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, event.clientX);
    const { centre, spread } = grasp();
    const closer = pointers.size > 1 ? from.spread / spread : 1;
    const about = place(from.centre, from.window);
    const sized = resized(from.window, closer, about);
    const byMs = place(from.centre, sized) - place(centre, sized);
    show(bounded(moved(sized, byMs), nowMs()));
  };
  const end = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId)) return;
    hold();
    if (pointers.size === 0) rest();
  };
  over.addEventListener('pointerdown', begin);
  over.addEventListener('pointermove', move);
  over.addEventListener('pointerup', end);
  over.addEventListener('pointercancel', end);
  // While it is drawn along, nothing is marked for a closer look.
  over.addEventListener('mousedown', (event) => event.shiftKey && event.stopImmediatePropagation(), true);

  let resting: ReturnType<typeof setTimeout> | undefined;
  const turn = (event: WheelEvent): void => {
    const closer = event.ctrlKey || event.metaKey;
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (!closer && Math.abs(sideways) <= (event.shiftKey ? 0 : Math.abs(event.deltaY))) return;
    event.preventDefault();
    const now = window();
    const next = closer
      ? resized(now, Math.exp(event.deltaY / 300), place(event.clientX, now))
      : moved(now, (sideways / over.clientWidth) * (now.endMs - now.startMs));
    show(bounded(next, nowMs()));
    clearTimeout(resting);
    resting = setTimeout(rest, WHEEL_RESTS_MS);
  };
  over.addEventListener('wheel', turn, { passive: false });
}
