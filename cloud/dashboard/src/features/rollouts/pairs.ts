/** Which boxes of one model have no partner among those of another. Pure; the measure is that of the shadow run on the box. */
import type { Detection } from '../../api/types';

/** Overlap (intersection over union) from which two boxes of one label are the same fish. */
const SAME = 0.5;

type Found = Pick<Detection, 'label' | 'confidence' | 'box'>;

/** Those of `mine` that no box of `theirs` is; each partner is used once, for the surest first. */
export function alone<T extends Found>(mine: readonly T[], theirs: readonly Found[]): T[] {
  const left = [...theirs];
  return [...mine]
    .sort((a, b) => b.confidence - a.confidence)
    .filter((one) => {
      let [best, at] = [0, -1];
      left.forEach((other, index) => {
        const share = other.label === one.label ? overlap(one.box, other.box) : 0;
        if (share > best) [best, at] = [share, index];
      });
      if (best < SAME) return true;
      left.splice(at, 1);
      return false;
    });
}

function overlap(one: Found['box'], other: Found['box']): number {
  const width = Math.min(one.x + one.w, other.x + other.w) - Math.max(one.x, other.x);
  const height = Math.min(one.y + one.h, other.y + other.h) - Math.max(one.y, other.y);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (one.w * one.h + other.w * other.h - both);
}
