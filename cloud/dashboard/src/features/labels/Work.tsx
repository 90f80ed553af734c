/** Labelling: the next frame, what the model proposes, and the keys that make it quick. Keys work while the focus is within. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import IconButton from '@mui/material/IconButton';
import Slider from '@mui/material/Slider';
import Typography from '@mui/material/Typography';
import { useQueryClient } from '@tanstack/react-query';
import {
  useCallback,
  useEffect,
  useReducer,
  useRef,
  useState,
  type Dispatch,
  type JSX,
  type KeyboardEvent,
} from 'react';
import { useSearchParams } from 'react-router';
import {
  giveLabel,
  holdTask,
  nextLabelTask,
  undoLabel,
  type LabelTaskDetail,
  type NextTask,
} from '../../api/labels';
import { numberText, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { CloseIcon } from '../../kit/icons';
import { Failed, Loading, Note } from '../../kit/States';
import { farmDateTime } from '../../kit/time';
import { useSession } from '../auth/useSession';
import { BoxEditor } from './BoxEditor';
import { MIDDLE, moved, resized } from './boxes';
import { begun, reduce, unnamed, type Draft, type Step } from './draft';
import { Help } from './Help';

/** After a failure the next frame is asked for again. */
const AGAIN_MS = 5_000;
/** The lease lasts 15 minutes; whoever looks at a frame keeps it. */
const RENEW_MS = 5 * 60_000;
const STEP = 0.01;
const ZOOMS = [1, 2, 4] as const;

export function Work({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const client = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const wanted = search.get('task');
  const [task, setTask] = useState<LabelTaskDetail | null>(null);
  const [waiting, setWaiting] = useState(0);
  const [state, setState] = useState<'loading' | 'ready' | 'empty' | Error>('loading');
  const [last, setLast] = useState<string | null>(null);
  const skipped = useRef<string[]>([]);

  const show = useCallback((detail: LabelTaskDetail | null): void => {
    setTask(detail);
    setState(detail === null ? 'empty' : 'ready');
  }, []);

  const advance = useCallback(async (): Promise<void> => {
    setState('loading');
    try {
      let next: NextTask = await nextLabelTask(site, skipped.current);
      if (next.task === null && skipped.current.length > 0) {
        skipped.current = []; // all that is left was passed over: once more from the beginning
        next = await nextLabelTask(site, []);
      }
      setWaiting(next.waiting);
      show(next.task);
    } catch (error) {
      setState(error instanceof Error ? error : new Error(String(error)));
    }
  }, [site, show]);

  const open = useCallback(async (): Promise<void> => {
    if (wanted === null) return advance();
    try {
      show(await holdTask(wanted));
    } catch (error) {
      setState(error instanceof Error ? error : new Error(String(error)));
    }
  }, [wanted, advance, show]);

  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the first frame is asked for when the page opens
    void open();
  }, [open]);

  // Everywhere else a query polls; here a failure is tried again the same way.
  useEffect(() => {
    if (!(state instanceof Error)) return undefined;
    const timer = setTimeout(() => void open(), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [state, open]);

  useEffect(() => {
    if (task === null) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) holdTask(task.task.id).catch(() => undefined); // saving tells whether it was lost
    }, RENEW_MS);
    return () => clearInterval(timer);
  }, [task]);

  function onward(): void {
    void client.invalidateQueries({ queryKey: ['labels'] });
    if (wanted === null) void advance();
    else setSearch({ part: 'work' }, { replace: true });
  }

  async function takeBack(): Promise<void> {
    if (last === null) return;
    try {
      show(await undoLabel(last));
      setLast(null);
    } catch (error) {
      setState(error instanceof Error ? error : new Error(String(error)));
    }
  }

  if (state instanceof Error) return <Failed error={state} retry={() => void open()} />;
  if (state === 'loading' && task === null) return <Loading />;
  if (task === null) {
    return (
      <Note
        title={t('labels.none')}
        text={t('labels.none_text')}
        action={
          <Box sx={{ display: 'flex', gap: 1 }}>
            <Button variant="outlined" onClick={() => void advance()}>
              {t('action.retry')}
            </Button>
            {last !== null && (
              <Button variant="outlined" onClick={() => void takeBack()}>
                {t('labels.take_back')}
              </Button>
            )}
          </Box>
        }
      />
    );
  }
  return (
    <Frame
      key={task.task.id}
      task={task}
      timezone={timezone}
      waiting={waiting}
      mayTakeBack={last !== null}
      onSaved={() => {
        setLast(task.task.id);
        onward();
      }}
      onSkip={() => {
        skipped.current = [...skipped.current, task.task.id].slice(-200);
        onward();
      }}
      onTakeBack={() => void takeBack()}
    />
  );
}

interface FrameProps {
  task: LabelTaskDetail;
  timezone: string;
  waiting: number;
  mayTakeBack: boolean;
  onSaved: () => void;
  onSkip: () => void;
  onTakeBack: () => void;
}

function Frame(props: FrameProps): JSX.Element {
  const { task, timezone, waiting, mayTakeBack, onSaved, onSkip, onTakeBack } = props;
  const mine = useSession()?.user.email ?? '';
  const [draft, step] = useReducer(reduce, task, (given) => begun(given, mine));
  const [zoom, setZoom] = useState<number>(1);
  const [help, setHelp] = useState(false);
  const [saving, setSaving] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const [started] = useState(() => performance.now());
  // The same answer sent twice, over a bad line, is one.
  const [key] = useState(() => crypto.randomUUID());
  const root = useRef<HTMLDivElement>(null);
  const classes = task.settings.classes ?? ['fish'];
  const missing = unnamed(draft, classes);

  useEffect(() => root.current?.focus({ preventScroll: true }), []);

  async function save(): Promise<void> {
    if (saving || missing.length > 0) return;
    setSaving(true);
    setFault(null);
    try {
      await giveLabel(task.task.id, {
        id: key,
        boxes: draft.boxes.map(({ label, box }) => ({ label, box: { ...box } })),
        classes: [...draft.classes],
        scores: { ...draft.scores },
        seconds: Math.min(86_400, (performance.now() - started) / 1000),
      });
      onSaved();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setSaving(false);
    }
  }

  function press(event: KeyboardEvent): void {
    const at = event.target as HTMLElement;
    if (at.matches('input, textarea') || event.altKey) return;
    // A button that has the focus is what Enter and the space bar press, but a box is no such button.
    if ((event.key === 'Enter' || event.key === ' ') && at.closest('button') !== null) return;
    const undo = event.key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey);
    if ((event.ctrlKey || event.metaKey) && !undo) return;
    if (undo) step({ do: 'back' });
    else if (/^[1-9]$/.test(event.key)) name(Number(event.key) - 1);
    else if (event.key.startsWith('Arrow')) nudge(event);
    else if (!act(event.key)) return;
    event.preventDefault();
  }

  function name(index: number): void {
    const label = classes[index];
    if (label !== undefined) step({ do: 'label', label });
  }

  function nudge(event: KeyboardEvent): void {
    if (draft.selected === null) return;
    const each = draft.boxes[draft.selected];
    if (each === undefined) return;
    const dx = event.key === 'ArrowLeft' ? -STEP : event.key === 'ArrowRight' ? STEP : 0;
    const dy = event.key === 'ArrowUp' ? -STEP : event.key === 'ArrowDown' ? STEP : 0;
    const { box } = each;
    const box2 = event.shiftKey
      ? resized(box, 'se', { x: box.x + box.w + dx, y: box.y + box.h + dy })
      : moved(box, dx, dy);
    step({ do: 'place', index: draft.selected, box: box2 });
  }

  function act(key: string): boolean {
    switch (key) {
      case 'Enter':
        void save();
        return true;
      case 's':
        onSkip();
        return true;
      case 'u':
        if (draft.past.length > 0) step({ do: 'back' });
        else if (mayTakeBack) onTakeBack();
        return true;
      case 'b':
        step({ do: 'add', box: MIDDLE });
        return true;
      case '0':
        step({ do: 'clear' });
        return true;
      case 'Delete':
      case 'Backspace':
        step({ do: 'remove' });
        return true;
      case '[':
      case ']':
        step({ do: 'cycle', by: key === ']' ? 1 : -1 });
        return true;
      case '+':
      case '-':
        setZoom(ZOOMS[clampIndex(ZOOMS.indexOf(zoom as 1 | 2 | 4) + (key === '+' ? 1 : -1))] ?? 1);
        return true;
      case '?':
        setHelp(true);
        return true;
      case 'Escape':
        step({ do: 'select', index: null });
        return true;
      default:
        return false;
    }
  }

  const shown = task.task;
  return (
    <Box
      ref={root}
      tabIndex={-1}
      onKeyDown={press}
      role="group"
      aria-label={t('labels.workspace')}
      data-testid="label-work"
      data-task={shown.id}
      sx={{
        display: 'grid',
        gap: 2,
        gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) 20rem' },
        '&:focus': { outline: 'none' },
      }}
    >
      <Box sx={{ minWidth: 0 }}>
        <BoxEditor
          url={shown.image_url}
          alt={t('labels.frame_of', { camera: shown.camera, n: draft.boxes.length })}
          width={shown.width}
          height={shown.height}
          boxes={draft.boxes}
          selected={draft.selected}
          classes={classes}
          zoom={zoom}
          onStep={step}
        />
        <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
          {farmDateTime(Date.parse(shown.captured_at), timezone)} · {shown.unit} · {shown.camera} ·{' '}
          {word('sample_reason', shown.reason)}
          {shown.model !== null && ` · ${shown.model.name} ${shown.model.version}`}
        </Typography>
        {shown.review_note !== null && (
          <Alert severity="warning" variant="outlined" sx={{ mt: 1 }}>
            {t('labels.returned', { note: shown.review_note })}
          </Alert>
        )}
        {task.marks.map((mark) => (
          <Alert key={mark.id} severity="info" variant="outlined" sx={{ mt: 1 }}>
            {t('labels.marked_by', { who: mark.marked_by, fault: word('fault', mark.fault) })}
            {mark.note !== null && ` ${mark.note}`}
          </Alert>
        ))}
      </Box>
      <Side
        task={task}
        draft={draft}
        step={step}
        classes={classes}
        waiting={waiting}
        saving={saving}
        fault={fault}
        missing={missing.length}
        mayTakeBack={mayTakeBack}
        zoom={zoom}
        onZoom={() => setZoom(ZOOMS[(ZOOMS.indexOf(zoom as 1 | 2 | 4) + 1) % ZOOMS.length] ?? 1)}
        onSave={() => void save()}
        onSkip={onSkip}
        onUndo={() => act('u')}
        onHelp={() => setHelp(true)}
      />
      {help && (
        <Help
          onClose={() => {
            setHelp(false);
            root.current?.focus();
          }}
        />
      )}
    </Box>
  );
}

interface SideProps {
  task: LabelTaskDetail;
  draft: Draft;
  step: Dispatch<Step>;
  classes: readonly string[];
  waiting: number;
  saving: boolean;
  fault: string | null;
  missing: number;
  mayTakeBack: boolean;
  zoom: number;
  onZoom: () => void;
  onSave: () => void;
  onSkip: () => void;
  onUndo: () => void;
  onHelp: () => void;
}

function Side(props: SideProps): JSX.Element {
  const { task, draft, step, classes, waiting, saving, fault, missing, mayTakeBack, zoom } = props;
  const chosen = draft.selected === null ? undefined : draft.boxes[draft.selected];
  return (
    <Box sx={{ display: 'grid', gap: 1.5, alignContent: 'start' }}>
      {fault !== null && <Alert severity="error">{fault}</Alert>}
      {missing > 0 && <Alert severity="warning">{t('labels.unnamed', { n: missing })}</Alert>}
      <Box sx={{ display: 'grid', gridTemplateColumns: '1fr 1fr', gap: 1 }}>
        <Button
          variant="contained"
          disableElevation
          disabled={saving || missing > 0}
          onClick={() => props.onSave()}
          sx={{ gridColumn: '1 / -1' }}
        >
          {saving ? t('state.sending') : t('labels.save')}
        </Button>
        <Button variant="outlined" onClick={() => props.onSkip()}>
          {t('labels.skip')}
        </Button>
        <Button
          variant="outlined"
          disabled={draft.past.length === 0 && !mayTakeBack}
          onClick={() => props.onUndo()}
        >
          {draft.past.length > 0 || !mayTakeBack ? t('labels.undo') : t('labels.take_back')}
        </Button>
        <Button variant="outlined" onClick={() => step({ do: 'clear' })}>
          {t('labels.nothing_here')}
        </Button>
        <Button variant="outlined" onClick={() => step({ do: 'add', box: MIDDLE })}>
          {t('labels.new_box')}
        </Button>
        <Button variant="outlined" onClick={() => props.onZoom()}>
          {t('labels.zoom', { n: zoom })}
        </Button>
        <Button variant="outlined" onClick={() => props.onHelp()}>
          {t('labels.keys')}
        </Button>
      </Box>
      <Card title={t('labels.class')}>
        <Box role="group" aria-label={t('labels.class')} sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          {classes.map((label, index) => (
            <Choice
              key={label}
              text={index < 9 ? `${index + 1} ${label}` : label}
              chosen={(chosen?.label ?? draft.label) === label}
              onChoose={() => step({ do: 'label', label })}
            />
          ))}
        </Box>
      </Card>
      <Card title={t('labels.boxes', { n: draft.boxes.length })}>
        <Box
          component="ul"
          data-testid="box-list"
          sx={{ listStyle: 'none', m: 0, p: 0, maxHeight: '14rem', overflowY: 'auto' }}
        >
          {draft.boxes.map((each, index) => (
            <Box component="li" key={index} sx={{ display: 'flex', alignItems: 'center', gap: 0.5 }}>
              <Button
                size="small"
                color="inherit"
                aria-pressed={draft.selected === index}
                onClick={() => step({ do: 'select', index })}
                sx={{
                  flex: 1,
                  justifyContent: 'flex-start',
                  fontWeight: draft.selected === index ? 700 : 500,
                }}
              >
                {t('labels.box', { n: index + 1, label: each.label })}
              </Button>
              <IconButton
                aria-label={t('labels.remove', { n: index + 1 })}
                onClick={() => {
                  step({ do: 'select', index });
                  step({ do: 'remove' });
                }}
              >
                <CloseIcon />
              </IconButton>
            </Box>
          ))}
        </Box>
      </Card>
      {(task.settings.image_classes ?? []).length > 0 && (
        <Card title={t('labels.of_frame')}>
          <Box
            role="group"
            aria-label={t('labels.of_frame')}
            sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}
          >
            {(task.settings.image_classes ?? []).map((label) => (
              <Choice
                key={label}
                text={label}
                chosen={draft.classes.includes(label)}
                onChoose={() => step({ do: 'class', name: label })}
              />
            ))}
          </Box>
        </Card>
      )}
      {(task.settings.scores ?? []).length > 0 && (
        <Card title={t('labels.scores')}>
          {(task.settings.scores ?? []).map((label) => (
            <Box key={label}>
              <Typography variant="body2">
                {label}: {draft.scores[label] === undefined ? '–' : numberText(draft.scores[label], 2)}
              </Typography>
              <Slider
                aria-label={label}
                min={0}
                max={1}
                step={0.05}
                value={draft.scores[label] ?? 0}
                onChange={(_event, value) => step({ do: 'score', name: label, value })}
              />
            </Box>
          ))}
        </Card>
      )}
      <Typography variant="body2" color="textSecondary" data-testid="labels-waiting">
        {t('labels.waiting', { n: waiting })}
      </Typography>
    </Box>
  );
}

interface ChoiceProps {
  text: string;
  chosen: boolean;
  onChoose: () => void;
}

function Choice({ text, chosen, onChoose }: ChoiceProps): JSX.Element {
  return (
    <Chip
      component="button"
      type="button"
      aria-pressed={chosen}
      label={text}
      variant={chosen ? 'filled' : 'outlined'}
      color={chosen ? 'primary' : 'default'}
      onClick={() => onChoose()}
      sx={{ minHeight: '2.75rem', fontWeight: 600, font: 'inherit' }}
    />
  );
}

function clampIndex(index: number): number {
  return Math.min(ZOOMS.length - 1, Math.max(0, index));
}
