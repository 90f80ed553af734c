/** Trials of a release in some tanks of each box, newest first, and the way to ask for one. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { Link, useNavigate } from 'react-router';
import type { Trial, Unit } from '../../api/types';
import { numberText, t } from '../../i18n';
import { Card } from '../../kit/Card';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { StatusMark } from '../rollouts/StatusMark';
import { AskTrialDialog } from './AskTrialDialog';
import { useTrials } from './queries';

interface Props {
  site: string;
  /** Of that farm. */
  units: readonly Unit[];
  timezone: string;
}

export function TrialsPart({ site, units, timezone }: Props): JSX.Element {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const mayAsk = useMay('fleet_admin');
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1.5 }}>
        <Typography variant="body2" color="textSecondary" sx={{ flex: '1 1 16rem', maxWidth: '48rem' }}>
          {t('trials.text')}
        </Typography>
        {mayAsk && (
          <Button variant="outlined" color="inherit" onClick={() => setAsking(true)} sx={{ ml: 'auto' }}>
            {t('trials.ask')}
          </Button>
        )}
      </Box>
      <Pages query={useTrials()} empty={{ title: t('trials.none'), text: t('trials.none_text') }}>
        {(rows, older) => (
          <Card>
            <Table
              label={t('trials.tab')}
              rows={rows}
              rowKey={(trial) => trial.id}
              columns={[
                {
                  head: t('rollouts.name'),
                  cell: (trial) => (
                    <MuiLink
                      component={Link}
                      to={`/sites/${site}/rollouts/trials/${trial.id}`}
                      sx={{ fontWeight: 650, display: 'inline-block', minWidth: '10rem', py: 0.5 }}
                    >
                      {trial.name}
                    </MuiLink>
                  ),
                },
                { head: t('rollouts.model'), cell: (trial) => `${trial.model} ${trial.version}` },
                { head: t('rollouts.status'), cell: (trial) => <StatusMark status={trial.status} /> },
                {
                  head: t('column.why'),
                  cell: (trial) => <Box sx={{ minWidth: { sm: '12rem' } }}>{trial.reason || '–'}</Box>,
                },
                { head: t('trials.ends'), cell: (trial) => endText(trial, timezone) },
                { head: t('column.who'), cell: (trial) => trial.created_by },
              ]}
            />
            {older}
          </Card>
        )}
      </Pages>
      {asking && (
        <AskTrialDialog
          site={site}
          units={units}
          onClose={() => setAsking(false)}
          onAsked={(trial) => void navigate(`/sites/${site}/rollouts/trials/${trial.id}`)}
        />
      )}
    </Box>
  );
}

/** When it ended or ends by itself; how long it will last while it has not begun. */
export function endText({ ended_at, ends_at, days }: Trial, timezone: string): string {
  const at = ended_at ?? ends_at;
  return at === null
    ? t('trials.days_long', { days: numberText(days) })
    : farmDateTime(Date.parse(at), timezone);
}
