/** How the labelling stands: frames by status, each person's work, and how far people agree. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { Table } from '../../kit/Table';
import { useProgress } from './queries';
import { percent } from './ReviewPart';

export function ProgressPart(): JSX.Element {
  const query = useProgress();
  return (
    <Answer query={query}>
      {(data) => {
        const figures = [
          [t('label_status.open'), data.open],
          [t('label_status.review'), data.review],
          [t('label_status.accepted'), data.accepted],
          [t('label_status.rejected'), data.rejected],
          [t('labels.marked_wrong'), data.marked],
          [t('labels.mine_today'), data.mine_today],
        ] as const;
        return (
          <Box sx={{ display: 'grid', gap: 2 }}>
            <Box
              component="dl"
              data-testid="label-progress"
              sx={{
                display: 'grid',
                gridTemplateColumns: 'repeat(auto-fill, minmax(9rem, 1fr))',
                gap: 1.5,
                m: 0,
              }}
            >
              {figures.map(([name, value]) => (
                <Card key={name}>
                  <Typography component="dt" variant="body2" color="textSecondary">
                    {name}
                  </Typography>
                  <Typography component="dd" sx={{ m: 0, fontSize: '1.75rem', fontWeight: 650 }}>
                    {numberText(value)}
                  </Typography>
                </Card>
              ))}
            </Box>
            <Card title={t('labels.people')}>
              <Table
                label={t('labels.people')}
                rows={data.annotators}
                rowKey={(each) => each.annotator}
                empty={t('state.nothing')}
                columns={[
                  { head: t('column.who'), cell: (each) => each.annotator },
                  { head: t('labels.labels'), cell: (each) => numberText(each.labels), align: 'right' },
                  {
                    head: t('label_status.accepted'),
                    cell: (each) => numberText(each.accepted),
                    align: 'right',
                  },
                  {
                    head: t('labels.sent_back'),
                    cell: (each) => numberText(each.returned),
                    align: 'right',
                  },
                  {
                    head: t('labels.seconds'),
                    cell: (each) => (each.seconds_median === null ? '–' : numberText(each.seconds_median, 0)),
                    align: 'right',
                  },
                ]}
              />
            </Card>
            <Card title={t('labels.agreement')}>
              <Table
                label={t('labels.agreement')}
                rows={data.pairs}
                rowKey={(each) => `${each.first} ${each.second}`}
                empty={t('labels.no_pairs')}
                columns={[
                  { head: t('column.who'), cell: (each) => `${each.first} – ${each.second}` },
                  { head: t('labels.frames'), cell: (each) => numberText(each.frames), align: 'right' },
                  { head: t('labels.agreement'), cell: (each) => percent(each.agreement), align: 'right' },
                  {
                    head: t('labels.kappa'),
                    cell: (each) => (each.kappa === null ? '–' : numberText(each.kappa, 2)),
                    align: 'right',
                  },
                ]}
              />
            </Card>
          </Box>
        );
      }}
    </Answer>
  );
}
