/** Boxes in fractions of the picture: what a pointer or a key makes of them. Pure. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface LabelledBox {
  readonly label: string;
  readonly box: Box;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The corner that is dragged: left or right, top or bottom. */
export type Corner = 'nw' | 'ne' | 'sw' | 'se';
export const CORNERS: readonly Corner[] = ['nw', 'ne', 'sw', 'se'];

/** A drag that is shorter than this was a tap, and no box is smaller. */
export const LEAST = 0.006;

export function clamp(value: number, low = 0, high = 1): number {
  return Math.min(high, Math.max(low, value));
}

/** The box between two points; null when it is too small to be meant. */
export function between(a: Point, b: Point): Box | null {
  const [left, right] = [clamp(Math.min(a.x, b.x)), clamp(Math.max(a.x, b.x))];
  const [top, bottom] = [clamp(Math.min(a.y, b.y)), clamp(Math.max(a.y, b.y))];
  if (right - left < LEAST || bottom - top < LEAST) return null;
  return { x: left, y: top, w: right - left, h: bottom - top };
}

/** The box shifted, staying whole within the picture. */
export function moved(box: Box, dx: number, dy: number): Box {
  return { ...box, x: clamp(box.x + dx, 0, 1 - box.w), y: clamp(box.y + dy, 0, 1 - box.h) };
}

/** The box with one corner at a point; the opposite corner stays. */
export function resized(box: Box, corner: Corner, to: Point): Box {
  const right = box.x + box.w;
  const bottom = box.y + box.h;
  const x = corner.endsWith('w') ? clamp(to.x, 0, right - LEAST) : box.x;
  const y = corner.startsWith('n') ? clamp(to.y, 0, bottom - LEAST) : box.y;
  const edgeX = corner.endsWith('e') ? clamp(to.x, box.x + LEAST, 1) : right;
  const edgeY = corner.startsWith('s') ? clamp(to.y, box.y + LEAST, 1) : bottom;
  return { x, y, w: edgeX - x, h: edgeY - y };
}

/** A box for whoever has no pointer: in the middle, to be moved and sized by keys. */
export const MIDDLE: Box = { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };
