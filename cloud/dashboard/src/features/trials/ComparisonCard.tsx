/** What a trial shows: tanks with the release beside the other tanks of the same boxes, over what they were before. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { ComponentType, JSX } from 'react';
import type { TrialComparison, TrialDifference } from '../../api/types';
import { counted, numberText, t, word } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { CheckIcon, MinusIcon, WarnIcon } from '../../kit/icons';
import { Table } from '../../kit/Table';
import { useComparison } from './queries';
import { BOXES_THAT_TELL, enough, LEAST_BOXES, toldOf } from './rules';

export function ComparisonCard({ id }: { id: string }): JSX.Element {
  return (
    <Card title={t('trials.shows')}>
      <Typography variant="body2" color="textSecondary" sx={{ mt: -1, mb: 1.5, maxWidth: '48rem' }}>
        {t('trials.shows_text')}
      </Typography>
      <Answer query={useComparison(id)}>{(found) => <Comparison found={found} />}</Answer>
    </Card>
  );
}

function Comparison({ found }: { found: TrialComparison }): JSX.Element {
  const reach = enough(found.boxes);
  if (reach === 'none') return <Typography>{t('trials.enough_none')}</Typography>;
  return (
    <Box sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Typography data-testid="trial-basis">
        {[
          counted('trials.boxes', found.boxes),
          counted('trials.hours', found.hours),
          counted('trials.labelled', found.labelled),
        ].join(' · ')}
      </Typography>
      {reach !== 'enough' && (
        <Alert severity="warning">
          {t(`trials.enough_${reach}`, { interval: LEAST_BOXES, verdict: BOXES_THAT_TELL })}
        </Alert>
      )}
      {found.labelled === 0 && (
        <Typography variant="body2" color="textSecondary">
          {t('trials.no_labels')}
        </Typography>
      )}
      <Table
        label={t('trials.shows')}
        rows={found.differences}
        rowKey={(each) => each.measure}
        columns={[
          {
            head: t('column.what'),
            cell: (each) => (
              <Box sx={{ minWidth: { sm: '13rem' } }}>
                {word('trial_measure', each.measure)}
                <Typography variant="body2" color="textSecondary">
                  {word('trial_measure_text', each.measure)}
                </Typography>
              </Box>
            ),
          },
          { head: t('rollouts.mean'), cell: meanText },
          { head: t('rollouts.reported'), cell: (each) => numberText(each.boxes), align: 'right' },
          { head: t('column.verdict'), cell: (each) => <Verdict difference={each} /> },
        ]}
      />
    </Box>
  );
}

function meanText({ measure, mean, low, high }: TrialDifference): JSX.Element {
  const figure = (value: number): string => {
    if (measure === 'count') return numberText(value, 2);
    const text = measure === 'confidence' ? numberText(value, 2) : `${numberText(value * 100, 0)} %`;
    return value > 0 ? `+${text}` : text;
  };
  if (mean === null) return <>–</>;
  return (
    <Box sx={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>
      {figure(mean)}
      <Typography variant="body2" color="textSecondary">
        {low === null || high === null ? t('trials.no_interval') : `${figure(low)} – ${figure(high)}`}
      </Typography>
    </Box>
  );
}

const UNSURE = [MinusIcon, 'text.secondary'] as const;
const MARKS: Readonly<Record<string, readonly [ComponentType, string]>> = {
  better: [CheckIcon, 'live'],
  worse: [WarnIcon, 'severity.major'],
  // Other than the own model, which need not be bad.
  higher: [WarnIcon, 'severity.minor'],
  lower: [WarnIcon, 'severity.minor'],
};

function Verdict({ difference }: { difference: TrialDifference }): JSX.Element {
  const [Icon, color] = MARKS[difference.verdict] ?? UNSURE;
  return (
    <Box
      component="span"
      data-testid="trial-verdict"
      data-verdict={difference.verdict}
      sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.5, color, fontWeight: 650 }}
    >
      <Icon />
      {word('trial_verdict', toldOf(difference))}
    </Box>
  );
}
