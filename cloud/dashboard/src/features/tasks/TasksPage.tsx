/** Work that takes longer than a page waits: what was asked for, how far it is, what came of it, and the way to end it. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import LinearProgress from '@mui/material/LinearProgress';
import Typography from '@mui/material/Typography';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { useParams } from 'react-router';
import { download } from '../../api/client';
import { backgroundTasks, cancelTask, type BackgroundTask, type TaskState } from '../../api/tasks';
import { numberText, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { Confirm } from '../../kit/Confirm';
import { PageTitle } from '../../kit/PageTitle';
import { paged } from '../../kit/paged';
import { Pages } from '../../kit/Pages';
import { Segments } from '../../kit/Segments';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { FarmFrame } from '../farms/FarmFrame';

const STATES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly TaskState[];
const POLL_MS = 3_000;

export default function TasksPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => <Tasks timezone={snapshot.latest.site.timezone} />}
    </FarmFrame>
  );
}

function Tasks({ timezone }: { timezone: string }): JSX.Element {
  const [state, setState] = useState<TaskState | null>(null);
  const query = useInfiniteQuery(
    paged(['tasks', state], POLL_MS, (cursor, signal) => backgroundTasks(state, cursor, signal)),
  );
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <PageTitle title={t('tasks.title')} text={t('tasks.text')} />
      <Segments<TaskState | 'all'>
        label={t('tasks.state')}
        value={state ?? 'all'}
        options={[['all', t('tasks.all')], ...STATES.map((each) => [each, t(`task_state.${each}`)] as const)]}
        onChange={(value) => setState(value === 'all' ? null : value)}
        // On a phone they stay one row, which is moved sideways.
        sx={{ maxWidth: '100%', overflowX: 'auto', justifySelf: 'start', '& > *': { flex: 'none' } }}
      />
      <Pages query={query} empty={{ title: t('tasks.none'), text: t('tasks.none_text') }}>
        {(rows, older) => (
          <Box component="ul" aria-label={t('tasks.title')} sx={listSx}>
            {rows.map((task) => (
              <li key={task.id}>
                <Task task={task} timezone={timezone} />
              </li>
            ))}
            {older}
          </Box>
        )}
      </Pages>
    </Box>
  );
}

const listSx = {
  listStyle: 'none',
  m: 0,
  p: 0,
  display: 'grid',
  gap: 1.5,
  gridTemplateColumns: 'minmax(0, 1fr)',
};

function Task({ task, timezone }: { task: BackgroundTask; timezone: string }): JSX.Element {
  const client = useQueryClient();
  const mayCancel = useMay('operator');
  const [asking, setAsking] = useState(false);
  const name = word('task_kind', task.kind);
  const open = task.state === 'queued' || task.state === 'running';
  const cancel = useMutation({
    mutationFn: () => cancelTask(task.id),
    onSuccess: () => setAsking(false),
    onSettled: () => client.invalidateQueries({ queryKey: ['tasks'] }),
  });
  const keep = useMutation({ mutationFn: () => download(`/api/v1/tasks/${task.id}/file`, task.kind) });
  return (
    <Card>
      <Box
        data-testid="task"
        data-state={task.state}
        sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1.5 }}
      >
        <Box sx={{ flex: '1 1 16rem', minWidth: 0 }}>
          <Typography sx={{ fontWeight: 650 }}>
            {name}
            <Typography component="span" color="textSecondary">
              {' '}
              {paramsText(task.params)}
            </Typography>
          </Typography>
          <Typography variant="body2" color="textSecondary">
            {t('tasks.asked')}: {farmDateTime(Date.parse(task.created_at), timezone)} · {task.created_by}
            {task.finished_at !== null && ` · ${farmDateTime(Date.parse(task.finished_at), timezone)}`}
            {task.attempts > 1 && ` · ${t('tasks.attempts', { n: task.attempts })}`}
          </Typography>
        </Box>
        <Typography
          sx={{ fontWeight: 600, color: task.state === 'failed' ? 'severity.major' : 'text.secondary' }}
        >
          {open && task.cancel_requested ? t('tasks.ending') : t(`task_state.${task.state}`)}
        </Typography>
        {task.state === 'succeeded' && typeof task.result?.['file'] === 'string' && (
          <Button
            variant="outlined"
            color={keep.isError ? 'error' : 'inherit'}
            disabled={keep.isPending}
            title={keep.error?.message}
            onClick={() => keep.mutate()}
          >
            {t('tasks.file')}
          </Button>
        )}
        {open && mayCancel && !task.cancel_requested && (
          <Button variant="outlined" color="inherit" onClick={() => setAsking(true)}>
            {t('tasks.cancel')}
          </Button>
        )}
      </Box>
      {open && (
        <Box sx={{ display: 'flex', alignItems: 'center', gap: 1.5, mt: 1 }}>
          <LinearProgress
            variant="determinate"
            value={task.progress * 100}
            aria-label={`${t('tasks.progress')}: ${name}`}
            sx={{ flex: 1, height: '0.5rem', borderRadius: '0.25rem' }}
          />
          <Typography variant="body2">{numberText(task.progress * 100, 0)} %</Typography>
        </Box>
      )}
      {task.message !== '' && (
        <Typography variant="body2" sx={{ mt: 0.5 }}>
          {task.message}
        </Typography>
      )}
      {task.error !== null && (
        <Typography variant="body2" sx={{ mt: 0.5 }}>
          {task.error}
        </Typography>
      )}
      {asking && (
        <Confirm
          title={t('tasks.cancel_title', { what: name })}
          text={t('tasks.cancel_text')}
          action={t('tasks.cancel')}
          pending={cancel.isPending}
          error={cancel.error}
          onDo={() => cancel.mutate()}
          onClose={() => setAsking(false)}
        />
      )}
    </Card>
  );
}

/** What it is of, in the few words that its parameters are. */
function paramsText(params: BackgroundTask['params']): string {
  return Object.values(params)
    .flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter((value) => typeof value === 'string' && value.length < 40)
    .slice(0, 4)
    .map((value) => String(value).replace(/T\d\d:\d\d.*$/, ''))
    .join(' · ');
}
