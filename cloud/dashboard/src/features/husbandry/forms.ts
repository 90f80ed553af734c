/** What each kind of record asks for. The server checks everything again; this only asks the right questions. */
import type { AnyRecord, RecordKind } from '../../api/types';

export type Field =
  | {
      readonly name: string;
      readonly type: 'unit' | 'batch' | 'any_batch' | 'other_unit' | 'time' | 'cause' | 'scores';
    }
  | { readonly name: string; readonly type: 'choice'; readonly of: readonly string[]; readonly words: string }
  | { readonly name: string; readonly type: 'text'; readonly optional?: true }
  | {
      readonly name: string;
      readonly type: 'count' | 'number';
      readonly optional?: true;
      readonly least: number;
      readonly unit?: string;
      readonly start?: string;
    };

const UNIT: Field = { name: 'unit', type: 'unit' };
const BATCH: Field = { name: 'batch', type: 'batch' };
const NOTE: Field = { name: 'note', type: 'text', optional: true };

/** Causes of death in two levels, as `aquaculture.causes` has them; a test compares. */
export const CAUSES: Readonly<Record<string, readonly string[]>> = {
  infectious: ['bacterial', 'viral', 'parasite', 'fungal', 'gill_disease'],
  environment: ['oxygen', 'temperature', 'h2s', 'algae', 'jellyfish', 'ammonia', 'ph'],
  handling: ['transport', 'grading', 'vaccination', 'net_change'],
  treatment: ['thermal', 'mechanical', 'freshwater', 'medicinal'],
  production: ['runt', 'failed_smolt', 'deformity', 'maturation'],
  predation: ['bird', 'seal', 'fish'],
  injury: ['wound', 'ulcer'],
  euthanised: [],
  unknown: [],
};

/** Indicators of welfare, as `aquaculture.welfare` has them; a test compares. */
export const INDICATORS = [
  'emaciation',
  'skin_haemorrhage',
  'wounds',
  'scale_loss',
  'eye_haemorrhage',
  'exophthalmia',
  'operculum',
  'snout',
  'jaw',
  'vertebra',
  'fins_active',
  'fins_healed',
  'lice_infection',
] as const;

const TOPICS = [
  'note',
  'cleaning',
  'net_change',
  'grading',
  'vaccination',
  'visitor',
  'maintenance',
  'diagnosis',
] as const;

/** Kinds that are written down by hand at the tank, the most frequent first. */
export const FORMS = {
  mortality: [
    UNIT,
    BATCH,
    { name: 'count', type: 'count', least: 1, start: '1' },
    { name: 'cause', type: 'cause' },
    NOTE,
  ],
  feeding: [
    UNIT,
    { name: 'product', type: 'text' },
    { name: 'lot', type: 'text' },
    { name: 'amount_kg', type: 'number', least: 0, unit: 'kg' },
    { name: 'uneaten_kg', type: 'number', least: 0, unit: 'kg', optional: true },
    NOTE,
  ],
  treatment: [
    UNIT,
    { name: 'product', type: 'text' },
    { name: 'active_substance', type: 'text' },
    { name: 'dose', type: 'text' },
    { name: 'reason', type: 'text' },
    { name: 'prescriber', type: 'text' },
    { name: 'ended_at', type: 'time' },
    { name: 'withdrawal_degree_days', type: 'number', least: 0, unit: 'K·d' },
    NOTE,
  ],
  weight_sample: [
    UNIT,
    BATCH,
    { name: 'fish', type: 'count', least: 1, start: '20' },
    { name: 'mean_weight_g', type: 'number', least: 0, unit: 'g' },
    { name: 'mean_length_cm', type: 'number', least: 0, unit: 'cm', optional: true },
    NOTE,
  ],
  lice_count: [
    UNIT,
    { name: 'fish', type: 'count', least: 1, start: '20' },
    { name: 'adult_females', type: 'count', least: 0, start: '0' },
    { name: 'mobile', type: 'count', least: 0, start: '0' },
    { name: 'attached', type: 'count', least: 0, start: '0' },
    { name: 'sea_temperature_c', type: 'number', least: -3, unit: '°C', optional: true },
    NOTE,
  ],
  welfare_sample: [
    UNIT,
    { name: 'indicator', type: 'choice', of: INDICATORS, words: 'indicator' },
    { name: 'scores', type: 'scores' },
    NOTE,
  ],
  stocking: [
    UNIT,
    { name: 'batch', type: 'any_batch' },
    { name: 'count', type: 'count', least: 1, start: '1000' },
    { name: 'mean_weight_g', type: 'number', least: 0, unit: 'g', optional: true },
    { name: 'supplier', type: 'text', optional: true },
    NOTE,
  ],
  transfer: [
    UNIT,
    BATCH,
    { name: 'to_unit', type: 'other_unit' },
    { name: 'count', type: 'count', least: 1, start: '1000' },
    { name: 'mean_weight_g', type: 'number', least: 0, unit: 'g', optional: true },
    NOTE,
  ],
  harvest: [
    UNIT,
    BATCH,
    { name: 'count', type: 'count', least: 1, start: '1000' },
    { name: 'mean_weight_g', type: 'number', least: 0, unit: 'g', optional: true },
    { name: 'destination', type: 'text', optional: true },
    NOTE,
  ],
  note: [UNIT, { name: 'topic', type: 'choice', of: TOPICS, words: 'topic' }, { name: 'note', type: 'text' }],
} as const satisfies Partial<Record<RecordKind, readonly Field[]>>;

export type FormKind = keyof typeof FORMS;
export type Answers = Readonly<Record<string, string>>;

/** What a form starts with. */
export function blank(kind: FormKind): Answers {
  const fields: readonly Field[] = FORMS[kind];
  return Object.fromEntries(fields.map((field) => [field.name, 'start' in field ? (field.start ?? '') : '']));
}

/** Names of the fields that are missing or cannot be. */
export function faults(kind: FormKind, answers: Answers): string[] {
  const fields: readonly Field[] = FORMS[kind];
  return fields.filter((field) => !isAnswered(field, answers)).map((field) => field.name);
}

function isAnswered(field: Field, answers: Answers): boolean {
  const answer = (answers[field.name] ?? '').trim();
  if (field.type === 'scores') return Object.keys(scoresOf(answers)).length > 0;
  if (answer === '') return 'optional' in field;
  if (field.type !== 'count' && field.type !== 'number') return true;
  const value = numberOf(answer);
  return (
    Number.isFinite(value) && value >= field.least && (field.type === 'number' || Number.isInteger(value))
  );
}

/** The record that the answers make; `faults` must be empty. */
export function recordOf(kind: FormKind, answers: Answers, id: string, occurredAt: string): AnyRecord {
  const record: Record<string, unknown> = { id, kind, occurred_at: occurredAt };
  const fields: readonly Field[] = FORMS[kind];
  for (const field of fields) {
    const answer = (answers[field.name] ?? '').trim();
    if (field.type === 'scores') record['scores'] = scoresOf(answers);
    else if (answer === '') continue;
    else if (field.type === 'count' || field.type === 'number') record[field.name] = numberOf(answer);
    else if (field.type === 'time') record[field.name] = new Date(answer).toISOString();
    else record[field.name] = answer;
  }
  if (kind === 'mortality' && (answers['detail'] ?? '') !== '') record['detail'] = answers['detail'];
  return record as AnyRecord;
}

/** Decimal comma or point, as the keyboard has it. */
export function numberOf(answer: string): number {
  return Number(answer.trim().replace(',', '.'));
}

function scoresOf(answers: Answers): Record<string, number> {
  const counted = ['0', '1', '2', '3'].map(
    (score) => [score, numberOf(answers[`score_${score}`] ?? '0')] as const,
  );
  return Object.fromEntries(counted.filter(([, fish]) => Number.isInteger(fish) && fish > 0));
}

/** First line of a CSV file of a kind, and one row as an example. */
export function csvTemplate(kind: FormKind): string {
  const fields: readonly Field[] = FORMS[kind];
  const names = [
    'occurred_at',
    ...fields.flatMap((field) => (field.type === 'cause' ? ['cause', 'detail'] : [field.name])),
  ];
  return `${names.join(',')}\n`;
}
