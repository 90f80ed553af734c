/** An answer while it is made: its boxes, classes and scores, and the steps back. Pure. */
import type { LabelTaskDetail } from '../../api/labels';
import type { Box, LabelledBox } from './boxes';

interface Answer {
  readonly boxes: readonly LabelledBox[];
  readonly classes: readonly string[];
  readonly scores: Readonly<Record<string, number>>;
}

export interface Draft extends Answer {
  readonly selected: number | null;
  /** Class of the next box. */
  readonly label: string;
  readonly past: readonly Answer[];
}

export type Step =
  | { do: 'add'; box: Box }
  | { do: 'place'; index: number; box: Box }
  | { do: 'remove' }
  | { do: 'clear' }
  | { do: 'label'; label: string }
  | { do: 'select'; index: number | null }
  | { do: 'cycle'; by: 1 | -1 }
  | { do: 'class'; name: string }
  | { do: 'score'; name: string; value: number }
  | { do: 'back' }
  | { do: 'begin'; task: LabelTaskDetail; mine: string };

/** Steps back are kept so many. */
const STEPS = 100;

/** One's own former answer, else what the model proposes. */
export function begun(task: LabelTaskDetail, mine: string): Draft {
  const former = task.labels.find((label) => label.annotator === mine);
  const boxes =
    former?.boxes ?? task.task.proposals.map((proposal) => ({ label: proposal.label, box: proposal.box }));
  return {
    boxes: boxes.map(({ label, box }) => ({ label, box: { x: box.x, y: box.y, w: box.w, h: box.h } })),
    classes: former?.classes ?? [],
    scores: former?.scores ?? {},
    selected: null,
    label: task.settings.classes?.[0] ?? 'fish',
    past: [],
  };
}

export function reduce(draft: Draft, step: Step): Draft {
  switch (step.do) {
    case 'begin':
      return begun(step.task, step.mine);
    case 'add': {
      const boxes = [...draft.boxes, { label: draft.label, box: step.box }];
      return { ...kept(draft), boxes, selected: boxes.length - 1 };
    }
    case 'place':
      return { ...kept(draft), boxes: replaced(draft.boxes, step.index, { box: step.box }) };
    case 'remove':
      if (draft.selected === null) return draft;
      return { ...kept(draft), boxes: draft.boxes.filter((_, i) => i !== draft.selected), selected: null };
    case 'clear':
      return { ...kept(draft), boxes: [], classes: [], selected: null };
    case 'label':
      if (draft.selected === null) return { ...draft, label: step.label };
      return {
        ...kept(draft),
        label: step.label,
        boxes: replaced(draft.boxes, draft.selected, { label: step.label }),
      };
    case 'select':
      return { ...draft, selected: step.index };
    case 'cycle': {
      const count = draft.boxes.length;
      if (count === 0) return draft;
      const from = draft.selected ?? (step.by === 1 ? -1 : 0);
      return { ...draft, selected: (from + step.by + count) % count };
    }
    case 'class': {
      const has = draft.classes.includes(step.name);
      const classes = has
        ? draft.classes.filter((name) => name !== step.name)
        : [...draft.classes, step.name];
      return { ...kept(draft), classes };
    }
    case 'score':
      return { ...draft, scores: { ...draft.scores, [step.name]: step.value } };
    case 'back': {
      const last = draft.past.at(-1);
      return last === undefined
        ? draft
        : { ...draft, ...last, selected: null, past: draft.past.slice(0, -1) };
    }
  }
}

/** Boxes whose class is not one of the settings: they must get one before the answer is taken. */
export function unnamed(draft: Draft, classes: readonly string[]): number[] {
  return draft.boxes.flatMap(({ label }, index) => (classes.includes(label) ? [] : [index]));
}

function kept(draft: Draft): Draft {
  const { boxes, classes, scores } = draft;
  return { ...draft, past: [...draft.past, { boxes, classes, scores }].slice(-STEPS) };
}

function replaced(
  boxes: readonly LabelledBox[],
  index: number,
  change: Partial<LabelledBox>,
): readonly LabelledBox[] {
  return boxes.map((each, i) => (i === index ? { ...each, ...change } : each));
}
