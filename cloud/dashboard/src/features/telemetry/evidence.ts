/**
 * Where a limit comes from, as its box tells it: a source with its evidence tag in brackets, e.g. `Fivelstad 1999 [V]`. The rule is
 * that of the limits themselves (`aquaculture/limits.py`): what rests on recalled or weak literature alone must be confirmed.
 */

export interface Evidence {
  readonly source: string;
  /** Parts of the tag, e.g. `V`, `K`; empty where the source has none. */
  readonly tags: readonly string[];
  readonly toConfirm: boolean;
}

/** Read at the source, derived from it, or set by the farm itself. */
const FIRM = new Set(['V', 'D', 'site']);

/** The source, tag and mark of a limit; `null` when its box tells none. */
export function evidenceOf(source: string | null | undefined): Evidence | null {
  if (source === null || source === undefined || source === '') return null;
  const tagged = /^(.*?)\s*\[((?:[VDSK]|site)(?:\/(?:[VDSK]|site))*)\](.*)$/s.exec(source);
  if (tagged === null) return { source, tags: [], toConfirm: false };
  const [, before = '', tag = '', after = ''] = tagged;
  const tags = tag.split('/');
  // The request that the box appends is said by the mark, in the reader's language.
  const rest = after.replace(/^; confirm with a fish-health person/, '').trim();
  return { source: `${before}${rest}`, tags, toConfirm: !tags.some((each) => FIRM.has(each)) };
}
