/** The queue as a list: what waits, what is done, and the way into each frame. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import { useState, type JSX } from 'react';
import { Link } from 'react-router';
import type { LabelTask, TaskStatus } from '../../api/labels';
import { numberText, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { Pages } from '../../kit/Pages';
import { Segments } from '../../kit/Segments';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useReview, useTasks } from './queries';

const STATUSES: readonly TaskStatus[] = ['open', 'review', 'accepted', 'rejected'];

interface Props {
  site: string;
  timezone: string;
  /** What a unit is called on this farm. */
  unitOf: (slug: string) => string;
  mayLabel: boolean;
  mayReview: boolean;
}

export function QueuePart({ site, timezone, unitOf, mayLabel, mayReview }: Props): JSX.Element {
  const [status, setStatus] = useState<TaskStatus>('open');
  const query = useTasks(site, status);
  const review = useReview();
  return (
    <>
      <Segments
        label={t('labels.status')}
        value={status}
        options={STATUSES.map((each) => [each, word('label_status', each)])}
        onChange={setStatus}
        sx={{ mb: 2, flexWrap: 'wrap' }}
      />
      <Pages query={query} empty={{ title: t('labels.none'), text: t('labels.none_text') }}>
        {(rows, older) => (
          <Card>
            <Table<LabelTask>
              label={t('labels.queue')}
              rows={rows}
              rowKey={(task) => task.id}
              columns={[
                {
                  head: t('labels.frame'),
                  cell: (task) => (
                    <Box
                      component="img"
                      src={task.image_url}
                      alt={t('labels.frame_of', { camera: task.camera, n: task.proposals.length })}
                      loading="lazy"
                      sx={{
                        width: '7rem',
                        aspectRatio: '16 / 9',
                        objectFit: 'cover',
                        borderRadius: '0.375rem',
                      }}
                    />
                  ),
                },
                {
                  head: t('column.when'),
                  cell: (task) => farmDateTime(Date.parse(task.captured_at), timezone),
                },
                { head: t('labels.camera'), cell: (task) => `${unitOf(task.unit)} · ${task.camera}` },
                { head: t('column.why'), cell: (task) => word('sample_reason', task.reason) },
                {
                  head: t('labels.priority'),
                  cell: (task) => numberText(task.priority, 2),
                  align: 'right' as const,
                },
                { head: t('labels.labels'), cell: (task) => `${task.labels} / ${task.wanted}` },
                {
                  head: t('labels.agreement'),
                  cell: (task) => (task.agreement === null ? '–' : `${Math.round(task.agreement * 100)} %`),
                },
                {
                  head: t('column.what'),
                  cell: (task) =>
                    task.status === 'open' || task.status === 'review' ? (
                      mayLabel && (
                        <MuiLink component={Link} to={`/sites/${site}/labels?part=work&task=${task.id}`}>
                          {t('labels.label_it')}
                        </MuiLink>
                      )
                    ) : mayReview ? (
                      <Button
                        size="small"
                        disabled={review.isPending}
                        onClick={() =>
                          review.mutate({ id: task.id, decision: 'reopen', labelId: null, note: '' })
                        }
                      >
                        {t('labels.reopen')}
                      </Button>
                    ) : null,
                },
              ]}
            />
            {older}
          </Card>
        )}
      </Pages>
    </>
  );
}
