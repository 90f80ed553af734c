/** A picture in, what the models say of it out, with what the answer rests on; and what was asked before. Loaded when first opened. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { useParams } from 'react-router';
import { explain, pastPredictions, predict } from '../../api/endpoints';
import type { PastPrediction, Prediction, PredictionTask } from '../../api/types';
import { numberText, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { ChooseFile } from '../../kit/ChooseFile';
import { PageTitle } from '../../kit/PageTitle';
import { paged } from '../../kit/paged';
import { Pages } from '../../kit/Pages';
import { Segments } from '../../kit/Segments';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { FarmFrame } from '../farms/FarmFrame';
import { speciesText } from '../farms/words';
import { WrongButton } from '../labels/WrongButton';
import { EvidenceImage } from '../observations/EvidenceImage';
import { shortHash } from '../observations/words';
import { AttentionMap } from './AttentionMap';
import { placesOf } from './attention';

const TASKS = ['detection', 'classification'] as const satisfies readonly PredictionTask[];
type AskedTask = (typeof TASKS)[number];

export default function ClassifyPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => <Classify timezone={snapshot.latest.site.timezone} />}
    </FarmFrame>
  );
}

interface Asked {
  readonly file: File;
  readonly task: AskedTask;
}

/** The picture stays in this browser, under an address of its own. */
interface Shown {
  readonly file: File;
  readonly url: string;
}

function Classify({ timezone }: { timezone: string }): JSX.Element {
  const client = useQueryClient();
  const mayAsk = useMay('operator');
  const [task, setTask] = useState<AskedTask>('detection');
  const [shown, setShown] = useState<Shown | null>(null);
  const ask = useMutation({
    mutationFn: (asked: Asked) => predict(asked.file, asked.task, null),
    onSuccess: () => client.invalidateQueries({ queryKey: ['predictions'] }),
  });
  const choose = (file: File): void => {
    if (shown !== null) URL.revokeObjectURL(shown.url);
    setShown({ file, url: URL.createObjectURL(file) });
    ask.mutate({ file, task });
  };
  const turnTo = (about: AskedTask): void => {
    setTask(about);
    if (shown !== null) ask.mutate({ file: shown.file, task: about });
  };
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <PageTitle title={t('classify.title')} text={t('classify.text')} />
      {mayAsk && (
        <Card>
          <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 2, alignItems: 'center', mb: 2 }}>
            <Segments
              label={t('classify.task')}
              value={task}
              options={TASKS.map((each) => [each, t(`classify.${each}`)])}
              onChange={turnTo}
            />
            <ChooseFile
              label={t('classify.choose')}
              accept="image/jpeg,image/png"
              testId="picture-file"
              disabled={ask.isPending}
              onChoose={choose}
            />
            <Typography variant="body2" color="textSecondary">
              {t('classify.form')}
            </Typography>
          </Box>
          <Box aria-live="polite">
            {ask.isPending ? (
              <Typography role="status">{t('classify.asking')}</Typography>
            ) : ask.error !== null ? (
              <Alert severity="warning">{ask.error.message}</Alert>
            ) : ask.data === undefined ? (
              <Typography color="textSecondary">{t('classify.nothing')}</Typography>
            ) : (
              shown !== null && <Told key={`${shown.url} ${ask.data.task}`} shown={shown} said={ask.data} />
            )}
          </Box>
        </Card>
      )}
      <History timezone={timezone} />
    </Box>
  );
}

/** The picture with what was said of it drawn over it. */
function Told({ shown, said }: { shown: Shown; said: Prediction }): JSX.Element {
  const classes = Object.entries(said.probabilities ?? {}).sort(([, a], [, b]) => b - a);
  const map = useMutation({ mutationFn: explain });
  const [visible, setVisible] = useState(true);
  const explained = visible ? map.data : undefined;
  return (
    <Box
      data-testid="prediction"
      sx={{
        display: 'grid',
        gap: 2,
        gridTemplateColumns: { xs: 'minmax(0, 1fr)', md: 'minmax(0, 3fr) minmax(0, 2fr)' },
      }}
    >
      <Box sx={{ minWidth: 0 }}>
        <EvidenceImage
          observation={{ image_url: shown.url, detections: said.detections, camera: shown.file.name }}
          showBoxes
          showConfidence
          over={explained !== undefined && <AttentionMap lost={explained.lost} />}
        />
        {said.task === 'classification' && (
          <Box sx={{ mt: 1.5, display: 'grid', gap: 1, justifyItems: 'start' }} aria-live="polite">
            <Button
              variant="outlined"
              color="inherit"
              disabled={map.isPending}
              aria-pressed={explained !== undefined}
              onClick={() => {
                if (map.data === undefined) map.mutate(shown.file);
                else setVisible(!visible);
              }}
            >
              {explained === undefined ? t('explain.show') : t('explain.hide')}
            </Button>
            {map.isPending && <Typography role="status">{t('explain.asking')}</Typography>}
            {map.error !== null && <Alert severity="warning">{map.error.message}</Alert>}
            {explained !== undefined && (
              <>
                <Typography data-testid="explained">{placesText(explained.lost)}</Typography>
                <Typography variant="body2" color="textSecondary">
                  {t('explain.text', { what: labelText(explained.label) })}
                </Typography>
              </>
            )}
          </Box>
        )}
      </Box>
      <Box sx={{ display: 'grid', gap: 1, alignContent: 'start' }}>
        <Typography variant="h2" component="p">
          {answerText(said)}
        </Typography>
        {said.label === 'unknown' && said.best_label != null && (
          <Typography>{t('classify.most_likely', { what: labelText(said.best_label) })}</Typography>
        )}
        {said.confidence != null && (
          <Typography>
            {t('classify.confidence')}: {numberText(said.confidence * 100, 0)} %
            {said.level != null && ` (${t(`level.${said.level}`)})`}
          </Typography>
        )}
        <Typography variant="body2" color="textSecondary">
          {said.task === 'detection' ? t('classify.why_boxes') : t('classify.why_classes')}
        </Typography>
        {classes.slice(0, 8).map(([label, share]) => (
          <Box key={label}>
            <Typography variant="body2" sx={{ display: 'flex', justifyContent: 'space-between' }}>
              <span>{labelText(label)}</span>
              <span>{numberText(share * 100, 0)} %</span>
            </Typography>
            <Box sx={{ height: '0.5rem', borderRadius: '0.25rem', bgcolor: 'raised' }}>
              <Box
                sx={{
                  height: '100%',
                  width: `${share * 100}%`,
                  borderRadius: '0.25rem',
                  bgcolor: 'primary.main',
                }}
              />
            </Box>
          </Box>
        ))}
        <Typography variant="caption" color="textSecondary">
          {said.model.name} {said.model.version} · sha256 {shortHash(said.model.sha256)}… ·{' '}
          {t('classify.took', { ms: numberText(said.latency_ms, 0) })}
          {said.cached && ` · ${t('classify.same')}`}
        </Typography>
      </Box>
    </Box>
  );
}

interface Said {
  readonly count?: PastPrediction['count'] | undefined;
  readonly label?: string | null | undefined;
  readonly best_label?: string | null | undefined;
}

function answerText({ count, label, best_label: best }: Said): string {
  if (count != null) return t('classify.fish', { n: numberText(count) });
  if (label === 'unknown') return t('classify.unknown');
  return labelText(label ?? best ?? '–');
}

/** The map in words, for who does not see it and for who wants a number. */
function placesText(lost: readonly (readonly number[])[]): string {
  const places = placesOf(lost);
  if (places.length === 0) return t('explain.flat');
  return places
    .map(({ row, column, points }) =>
      t('explain.told', { where: word('place', `${row}.${column}`), p: numberText(points, 0) }),
    )
    .join(' ');
}

function labelText(label: string): string {
  return speciesText(label.toLowerCase().replaceAll(' ', '_')) ?? word('label', label);
}

function History({ timezone }: { timezone: string }): JSX.Element {
  const query = useInfiniteQuery(paged(['predictions'], 60_000, pastPredictions));
  const mayMark = useMay('operator');
  return (
    <Card title={t('classify.history')}>
      <Pages query={query} empty={{ title: t('classify.none') }}>
        {(rows, older) => (
          <>
            <Table
              label={t('classify.history')}
              rows={rows}
              rowKey={(each) => each.id}
              columns={[
                {
                  head: t('column.when'),
                  cell: (each) => farmDateTime(Date.parse(each.created_at), timezone),
                },
                { head: t('classify.task'), cell: (each) => word('classify', each.task) },
                { head: t('classify.answer'), cell: (each) => answerText(each) },
                {
                  head: t('classify.confidence'),
                  cell: (each) =>
                    each.confidence === null ? '–' : `${numberText(each.confidence * 100, 0)} %`,
                  align: 'right',
                },
                { head: t('rollouts.model'), cell: (each) => `${each.model.name} ${each.model.version}` },
                { head: 'sha256', cell: (each) => <code>{shortHash(each.image_sha256)}</code> },
                ...(mayMark
                  ? [
                      {
                        head: t('labels.wrong_head'),
                        cell: (each: PastPrediction) => (
                          <WrongButton subject="prediction" subjectId={String(each.id)} />
                        ),
                      },
                    ]
                  : []),
              ]}
            />
            {older}
          </>
        )}
      </Pages>
    </Card>
  );
}
