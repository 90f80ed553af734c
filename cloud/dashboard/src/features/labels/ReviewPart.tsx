/** Review: every answer for a frame beside the others, how far they agree, and the decision. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import Typography from '@mui/material/Typography';
import { useEffect, useRef, useState, type JSX, type KeyboardEvent } from 'react';
import { Link } from 'react-router';
import type { Decision, LabelTaskDetail } from '../../api/labels';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { Pages } from '../../kit/Pages';
import { Note } from '../../kit/States';
import { farmDateTime } from '../../kit/time';
import { BoxEditor } from './BoxEditor';
import { Help } from './Help';
import { useReview, useTask, useTasks } from './queries';

interface Props {
  site: string;
  timezone: string;
  /** What a unit is called on this farm. */
  unitOf: (slug: string) => string;
}

export function ReviewPart({ site, timezone, unitOf }: Props): JSX.Element {
  const query = useTasks(site, 'review');
  const [chosen, setChosen] = useState<string | null>(null);
  return (
    <Pages query={query} empty={{ title: t('labels.no_review'), text: t('labels.no_review_text') }}>
      {(tasks) => {
        const at = Math.max(
          0,
          tasks.findIndex((task) => task.id === chosen),
        );
        const step = (by: number): void => {
          if (at + by >= tasks.length - 1 && query.hasNextPage) void query.fetchNextPage();
          setChosen(tasks[Math.min(tasks.length - 1, Math.max(0, at + by))]?.id ?? null);
        };
        const id = tasks[at]?.id;
        return id === undefined ? (
          <Note title={t('labels.no_review')} />
        ) : (
          <Reviewed
            key={id}
            id={id}
            site={site}
            // More may wait than have been asked for.
            place={t('labels.place', {
              at: at + 1,
              n: query.hasNextPage ? `${tasks.length}+` : tasks.length,
            })}
            timezone={timezone}
            unitOf={unitOf}
            onStep={step}
          />
        );
      }}
    </Pages>
  );
}

interface ReviewedProps {
  id: string;
  site: string;
  place: string;
  timezone: string;
  unitOf: (slug: string) => string;
  onStep: (by: number) => void;
}

function Reviewed({ id, ...rest }: ReviewedProps): JSX.Element {
  const query = useTask(id);
  return <Answer query={query}>{(detail) => <Decide detail={detail} {...rest} />}</Answer>;
}

interface DecideProps {
  detail: LabelTaskDetail;
  site: string;
  place: string;
  timezone: string;
  unitOf: (slug: string) => string;
  onStep: (by: number) => void;
}

function Decide({ detail, site, place, timezone, unitOf, onStep }: DecideProps): JSX.Element {
  const { task, labels, agreements, settings } = detail;
  const [shown, setShown] = useState(labels.at(-1)?.id ?? null);
  const [note, setNote] = useState('');
  const [help, setHelp] = useState(false);
  const review = useReview();
  const root = useRef<HTMLDivElement>(null);
  const reason = useRef<HTMLInputElement>(null);
  const label = labels.find((each) => each.id === shown) ?? labels.at(-1);
  useEffect(() => root.current?.focus({ preventScroll: true }), []);

  function decide(decision: Decision): void {
    review.mutate({
      id: task.id,
      decision,
      labelId: decision === 'accept' ? (label?.id ?? null) : null,
      note: note.trim(),
    });
  }

  function press(event: KeyboardEvent): void {
    const at = event.target as HTMLElement;
    if (at.matches('input, textarea') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'a') decide('accept');
    else if (event.key === 'x') decide('reject');
    else if (event.key === 'r') reason.current?.focus();
    else if (event.key === 'j') onStep(1);
    else if (event.key === 'k') onStep(-1);
    else if (event.key === '?') setHelp(true);
    else return;
    event.preventDefault();
  }

  return (
    <Box
      ref={root}
      tabIndex={-1}
      role="group"
      aria-label={t('labels.review')}
      data-testid="label-review"
      data-task={task.id}
      onKeyDown={press}
      sx={{
        display: 'grid',
        gap: 2,
        gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 1fr) 20rem' },
        '&:focus': { outline: 'none' },
      }}
    >
      <Box sx={{ minWidth: 0 }}>
        <BoxEditor
          url={task.image_url}
          alt={t('labels.frame_of', { camera: task.camera, n: label?.boxes.length ?? 0 })}
          width={task.width}
          height={task.height}
          boxes={label?.boxes ?? []}
          classes={settings.classes ?? []}
        />
        <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
          {place} · {farmDateTime(Date.parse(task.captured_at), timezone)} · {unitOf(task.unit)} ·{' '}
          {task.camera}
        </Typography>
      </Box>
      <Box sx={{ display: 'grid', gap: 1.5, alignContent: 'start' }}>
        {review.isError && <Alert severity="error">{review.error.message}</Alert>}
        <Box sx={{ display: 'grid', gridTemplateColumns: '1fr 1fr', gap: 1 }}>
          <Button
            variant="contained"
            disableElevation
            disabled={review.isPending || label === undefined}
            onClick={() => decide('accept')}
            sx={{ gridColumn: '1 / -1' }}
          >
            {t('labels.accept')}
          </Button>
          <Button
            variant="outlined"
            disabled={review.isPending || note.trim() === ''}
            onClick={() => decide('return')}
          >
            {t('labels.return')}
          </Button>
          <Button variant="outlined" disabled={review.isPending} onClick={() => decide('reject')}>
            {t('labels.reject')}
          </Button>
          <Button variant="outlined" component={Link} to={`/sites/${site}/labels?part=work&task=${task.id}`}>
            {t('labels.correct')}
          </Button>
          <Button variant="outlined" onClick={() => setHelp(true)}>
            {t('labels.keys')}
          </Button>
        </Box>
        <TextField
          label={t('labels.why')}
          value={note}
          onChange={(event) => setNote(event.target.value)}
          slotProps={{ htmlInput: { ref: reason, maxLength: 1000 } }}
          multiline
          size="small"
        />
        <Card title={t('labels.answers', { n: labels.length })}>
          <ToggleButtonGroup
            exclusive
            orientation="vertical"
            fullWidth
            value={label?.id ?? null}
            aria-label={t('labels.answers', { n: labels.length })}
            onChange={(_event, value: string | null) => value !== null && setShown(value)}
          >
            {labels.map((each) => (
              <ToggleButton
                key={each.id}
                value={each.id}
                sx={{ justifyContent: 'space-between', gap: 1, textAlign: 'left' }}
              >
                <span>{each.annotator}</span>
                <span>{t('labels.boxes', { n: each.boxes.length })}</span>
              </ToggleButton>
            ))}
          </ToggleButtonGroup>
          {label !== undefined && (label.classes.length > 0 || Object.keys(label.scores).length > 0) && (
            <Typography variant="body2" sx={{ mt: 1 }}>
              {[
                ...label.classes,
                ...Object.entries(label.scores).map(([name, value]) => `${name} ${numberText(value)}`),
              ].join(', ')}
            </Typography>
          )}
        </Card>
        {agreements.length > 0 && (
          <Card title={t('labels.agreement')}>
            {agreements.map((each) => (
              <Typography
                key={`${each.first} ${each.second}`}
                variant="body2"
                data-testid="agreement"
                sx={{ mb: 0.5 }}
              >
                {each.first} – {each.second}: <b>{percent(each.overall)}</b>
                {each.overlap !== null && ` (${t('labels.overlap', { p: percent(each.overlap) })})`}
              </Typography>
            ))}
          </Card>
        )}
      </Box>
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

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
