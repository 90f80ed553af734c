/** One record, written with gloves on: large targets, counts by steps, nothing lost when the server is away. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX, type SyntheticEvent } from 'react';
import { t, word } from '../../i18n';
import { MinusIcon, PlusIcon } from '../../kit/icons';
import { SelectField, type Option } from '../../kit/SelectField';
import {
  blank,
  CAUSES,
  faults,
  FORMS,
  numberOf,
  recordOf,
  type Answers,
  type Field,
  type FormKind,
} from './forms';
import type { KnownFarm } from './known';
import { write } from './outbox';

interface Props {
  site: string;
  kind: FormKind;
  farm: KnownFarm;
  unit?: string | undefined;
  onDone: () => void;
}

export function RecordForm({ site, kind, farm, unit, onDone }: Props): JSX.Element {
  const [given, setGiven] = useState<Answers>(() => ({
    ...blank(kind),
    ...(unit === undefined ? {} : { unit }),
  }));
  // What the units hold may be heard after the form was opened.
  const answers = { ...given, batch: given['batch'] || onlyBatch(farm, given['unit']) };
  const [at, setAt] = useState(() => localText(new Date()));
  const [tried, setTried] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const wrong = faults(kind, answers);
  const set = (name: string, value: string): void => setGiven((old) => withAnswer(old, name, value));
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setTried(true);
    if (wrong.length > 0) return;
    write(site, recordOf(kind, answers, crypto.randomUUID(), new Date(at).toISOString())).then(
      onDone,
      (error: unknown) => setFailed(error instanceof Error ? error.message : t('state.wrong')),
    );
  };
  const fields: readonly Field[] = FORMS[kind];
  return (
    <Box
      component="form"
      noValidate
      onSubmit={submit}
      aria-label={t(`record.${kind}`)}
      sx={{ display: 'grid', gap: 2, maxWidth: '34rem' }}
    >
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          answers={answers}
          farm={farm}
          wrong={tried && wrong.includes(field.name)}
          onChange={set}
        />
      ))}
      <TextField
        label={t('field.occurred_at')}
        type="datetime-local"
        required
        value={at}
        onChange={(event) => setAt(event.target.value)}
        slotProps={{ inputLabel: { shrink: true } }}
      />
      {tried && wrong.length > 0 && (
        <Alert severity="error">
          {t('records.missing', { names: wrong.map((name) => word('field', name)).join(', ') })}
        </Alert>
      )}
      {failed !== null && <Alert severity="error">{failed}</Alert>}
      <Box sx={{ display: 'flex', gap: 1.5 }}>
        <Button color="inherit" onClick={onDone} sx={{ minHeight: '3.5rem' }}>
          {t('action.cancel')}
        </Button>
        <Button type="submit" variant="contained" disableElevation sx={{ minHeight: '3.5rem', flex: 1 }}>
          {t('records.save')}
        </Button>
      </Box>
    </Box>
  );
}

interface InputProps {
  field: Field;
  answers: Answers;
  farm: KnownFarm;
  wrong: boolean;
  onChange: (name: string, value: string) => void;
}

function FieldInput({ field, answers, farm, wrong, onChange }: InputProps): JSX.Element {
  const { name } = field;
  const label = word('field', name);
  const value = answers[name] ?? '';
  const said = { label, value, error: wrong, required: !('optional' in field) };
  const base = {
    ...said,
    onChange: (event: { target: { value: string } }) => onChange(name, event.target.value),
  };
  const oneOf = (options: readonly Option<string>[]): JSX.Element => (
    <SelectField {...said} options={options} onChange={(chosen) => onChange(name, chosen)} />
  );
  if (field.type === 'unit' || field.type === 'other_unit') {
    const offered =
      field.type === 'unit' ? farm.units : farm.units.filter((unit) => unit.slug !== answers['unit']);
    return oneOf(offered.map((unit) => [unit.slug, unit.name]));
  }
  if (field.type === 'any_batch') return <TextField {...base} helperText={t('records.any_batch')} />;
  if (field.type === 'batch') {
    const held = farm.stock.filter((each) => each.unit === answers['unit']).map((each) => each.batch);
    if (held.length === 0)
      return <TextField {...base} helperText={answers['unit'] ? t('records.no_batch') : ''} />;
    return oneOf([...new Set(held)].map((batch) => [batch, batch]));
  }
  if (field.type === 'choice') return oneOf(field.of.map((each) => [each, word(field.words, each)]));
  if (field.type === 'cause') {
    const details = CAUSES[value] ?? [];
    return (
      <>
        {oneOf(Object.keys(CAUSES).map((cause) => [cause, word('cause', cause)]))}
        {details.length > 0 && (
          <SelectField
            label={word('field', 'detail')}
            value={answers['detail'] ?? ''}
            options={[['', '–'], ...details.map((detail) => [detail, word('cause', detail)] as const)]}
            onChange={(chosen) => onChange('detail', chosen)}
          />
        )}
      </>
    );
  }
  if (field.type === 'scores') {
    return (
      <Box sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: 'repeat(auto-fit, minmax(14rem, 1fr))' }}>
        {['0', '1', '2', '3'].map((score) => (
          <Stepper
            key={score}
            label={t('records.score', { score })}
            value={answers[`score_${score}`] ?? '0'}
            least={0}
            wrong={wrong}
            onChange={(next) => onChange(`score_${score}`, next)}
          />
        ))}
      </Box>
    );
  }
  if (field.type === 'count') {
    return (
      <Stepper
        label={label}
        value={value}
        least={field.least}
        wrong={wrong}
        onChange={(next) => onChange(name, next)}
      />
    );
  }
  if (field.type === 'time') {
    return <TextField {...base} type="datetime-local" slotProps={{ inputLabel: { shrink: true } }} />;
  }
  if (field.type === 'number') {
    const unit = field.unit === undefined ? '' : ` (${field.unit})`;
    return (
      <TextField {...base} label={`${label}${unit}`} slotProps={{ htmlInput: { inputMode: 'decimal' } }} />
    );
  }
  return <TextField {...base} multiline={name === 'note'} slotProps={{ htmlInput: { maxLength: 2000 } }} />;
}

interface StepperProps {
  label: string;
  value: string;
  least: number;
  wrong: boolean;
  onChange: (next: string) => void;
}

/** A count with a large minus and plus, so that nobody has to take a glove off. */
function Stepper({ label, value, least, wrong, onChange }: StepperProps): JSX.Element {
  const step = (by: number): void => {
    const present = numberOf(value);
    onChange(String(Math.max(least, (Number.isFinite(present) ? present : least) + by)));
  };
  const button = { border: '1px solid', borderColor: 'divider', minWidth: '3.5rem', minHeight: '3.5rem' };
  return (
    <Box sx={{ display: 'flex', gap: 1, alignItems: 'center' }}>
      <IconButton aria-label={t('records.fewer', { what: label })} onClick={() => step(-1)} sx={button}>
        <MinusIcon />
      </IconButton>
      <TextField
        label={label}
        value={value}
        error={wrong}
        required
        onChange={(event) => onChange(event.target.value)}
        slotProps={{
          htmlInput: { inputMode: 'numeric', style: { textAlign: 'center', fontSize: '1.5rem' } },
        }}
        sx={{ flex: 1, minWidth: '5rem' }}
      />
      <IconButton aria-label={t('records.more', { what: label })} onClick={() => step(1)} sx={button}>
        <PlusIcon />
      </IconButton>
      <Button color="inherit" variant="outlined" onClick={() => step(10)} sx={{ minHeight: '3.5rem' }}>
        +10
      </Button>
    </Box>
  );
}

/** Another unit holds another batch, and another cause has other details. */
function withAnswer(old: Answers, name: string, value: string): Answers {
  const next = { ...old, [name]: value };
  if (name === 'cause') return { ...next, detail: '' };
  return name === 'unit' ? { ...next, batch: '' } : next;
}

/** The batch of a unit where only one is there. */
function onlyBatch(farm: KnownFarm, unit: string | undefined): string {
  const held = [...new Set(farm.stock.filter((each) => each.unit === unit).map((each) => each.batch))];
  return held.length === 1 ? (held[0] ?? '') : '';
}

/** A moment as the input wants it, in this computer's time. */
function localText(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function FormTitle({ kind }: { kind: FormKind }): JSX.Element {
  return (
    <Typography variant="h2" sx={{ mb: 2 }}>
      {t(`record.${kind}`)}
    </Typography>
  );
}
