/** The boxes of a trial: whether they run what they should, told first, and of every tank which model should look at it and which does. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Trial, TrialBox } from '../../api/types';
import { counted, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { useServerNowMs } from '../../kit/clock';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { VerdictMark } from '../devices/marks';
import { toldText } from '../devices/texts';
import { useTrialBoxes } from './queries';
import { agreementOf, AGREEMENTS, byAgreement, shouldHaveIt } from './rules';

interface Props {
  trial: Trial;
  skewMs: number;
}

export function BoxesCard({ trial, skewMs }: Props): JSX.Element {
  const nowMs = useServerNowMs(skewMs);
  return (
    <Card title={t('rollouts.reported')}>
      <Pages query={useTrialBoxes(trial.id)} empty={{ title: t('trials.no_boxes') }}>
        {(rows, older) => (
          <>
            <Typography data-testid="agreement" sx={{ fontWeight: 600, mb: 1 }}>
              {agreementText(rows, nowMs)}
            </Typography>
            <Table
              label={t('rollouts.reported')}
              rows={byAgreement(rows, nowMs)}
              rowKey={(box) => `${box.site}/${box.device}`}
              columns={[
                { head: t('fleet.box'), cell: (box) => <b>{`${box.site}/${box.device}`}</b> },
                {
                  head: t('fleet.verdict'),
                  cell: (box) => <VerdictMark verdict={agreementOf(box, nowMs)} />,
                },
                { head: t('trials.tanks_of'), cell: (box) => <Tanks box={box} trial={trial} /> },
                {
                  head: t('fleet.reported'),
                  cell: (box) => (
                    <Box sx={{ minWidth: { sm: '9rem' } }}>
                      {word('deployment_state', box.state)}
                      {box.reason !== '' && (
                        <Typography variant="body2" color="textSecondary">
                          {box.reason}
                        </Typography>
                      )}
                    </Box>
                  ),
                },
                { head: t('fleet.told'), cell: (box) => toldText(box.heard_at, nowMs) },
              ]}
            />
            {older}
          </>
        )}
      </Pages>
    </Card>
  );
}

/** How many differ, are not known and agree; what there is none of is not named. */
function agreementText(boxes: readonly TrialBox[], nowMs: number): string {
  return AGREEMENTS.flatMap((agreement) => {
    const n = boxes.filter((box) => agreementOf(box, nowMs) === agreement).length;
    return n === 0 ? [] : [counted(`trials.${agreement}`, n)];
  }).join(' ');
}

function Tanks({ box, trial }: { box: TrialBox; trial: Trial }): JSX.Element {
  return (
    <Box
      component="ul"
      sx={{ m: 0, p: 0, listStyle: 'none', display: 'grid', gap: 0.75, minWidth: { sm: '15rem' } }}
    >
      {box.units.map((unit) => (
        <li key={unit.unit} data-testid="trial-unit">
          <b>{unit.unit}</b>{' '}
          {shouldHaveIt(unit, box)
            ? t('trials.should_release', { model: `${trial.model} ${trial.version}` })
            : t('trials.should_own')}
          <Typography variant="body2" color="textSecondary">
            {unit.running === '' ? t('trials.does_unknown') : t('trials.does', { model: unit.running })}
          </Typography>
        </li>
      ))}
    </Box>
  );
}
