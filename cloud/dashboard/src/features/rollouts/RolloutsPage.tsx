/** Rollouts of releases over the fleet, trials in some tanks, and the releases themselves; or one rollout. For fleet admins; loaded when first opened. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import { useState, type JSX } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import type { Release, Unit } from '../../api/types';
import { t } from '../../i18n';
import { Card } from '../../kit/Card';
import { PlusIcon } from '../../kit/icons';
import { PageTitle } from '../../kit/PageTitle';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { Tabs } from '../../kit/Tabs';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { FarmFrame } from '../farms/FarmFrame';
import { ReleasesPart } from '../releases/ReleasesPart';
import { TrialsPart } from '../trials/TrialsPart';
import { AskDialog } from './AskDialog';
import { useRollouts } from './queries';
import { RolloutDetail } from './RolloutDetail';
import { StatusMark } from './StatusMark';

export default function RolloutsPage(): JSX.Element {
  const { site = '', rollout } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot, skewMs }) => {
        const { timezone } = snapshot.latest.site;
        return rollout === undefined ? (
          <Rollouts
            site={site}
            units={snapshot.latest.units.map(({ unit }) => unit)}
            timezone={timezone}
            skewMs={skewMs}
          />
        ) : (
          <RolloutDetail key={rollout} site={site} id={rollout} timezone={timezone} />
        );
      }}
    </FarmFrame>
  );
}

interface Props {
  site: string;
  units: readonly Unit[];
  timezone: string;
  skewMs: number;
}

function Rollouts({ site, units, timezone, skewMs }: Props): JSX.Element {
  const [asking, setAsking] = useState<Release | 'any' | null>(null);
  const navigate = useNavigate();
  const mayAsk = useMay('fleet_admin');
  return (
    <Box sx={{ display: 'grid', gap: 1, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <PageTitle title={t('rollouts.title')} text={t('rollouts.text')}>
        {mayAsk && (
          <Button
            variant="contained"
            disableElevation
            startIcon={<PlusIcon />}
            onClick={() => setAsking('any')}
          >
            {t('rollouts.ask')}
          </Button>
        )}
      </PageTitle>
      <Box sx={{ minWidth: 0 }}>
        <Tabs
          label={t('rollouts.title')}
          parts={[
            {
              key: 'rollouts',
              label: t('rollouts.title'),
              content: () => <RolloutList site={site} timezone={timezone} />,
            },
            {
              key: 'trials',
              label: t('trials.tab'),
              content: () => <TrialsPart site={site} units={units} timezone={timezone} />,
            },
            {
              key: 'releases',
              label: t('releases.tab'),
              content: () => <ReleasesPart timezone={timezone} skewMs={skewMs} onRollOut={setAsking} />,
            },
          ]}
        />
      </Box>
      {asking !== null && (
        <AskDialog
          {...(asking === 'any' ? {} : { release: asking })}
          onClose={() => setAsking(null)}
          onAsked={(rollout) => void navigate(`/sites/${site}/rollouts/${rollout.id}`)}
        />
      )}
    </Box>
  );
}

function RolloutList({ site, timezone }: Pick<Props, 'site' | 'timezone'>): JSX.Element {
  return (
    <Pages query={useRollouts()} empty={{ title: t('rollouts.none'), text: t('rollouts.none_text') }}>
      {(rows, older) => (
        <Card>
          <Table
            label={t('rollouts.title')}
            rows={rows}
            rowKey={(rollout) => rollout.id}
            columns={[
              {
                head: t('rollouts.name'),
                cell: (rollout) => (
                  <MuiLink
                    component={Link}
                    to={`/sites/${site}/rollouts/${rollout.id}`}
                    sx={{ fontWeight: 650, display: 'inline-block', minWidth: '10rem', py: 0.5 }}
                  >
                    {rollout.name}
                  </MuiLink>
                ),
              },
              {
                head: t('rollouts.kind'),
                cell: (rollout) => (
                  <>
                    {t(`releases.kind.${rollout.kind}`)}
                    <br />
                    {`${rollout.model} ${rollout.version}`}
                  </>
                ),
              },
              { head: t('rollouts.status'), cell: (rollout) => <StatusMark status={rollout.status} /> },
              {
                head: t('column.why'),
                cell: (rollout) => <Box sx={{ minWidth: '14rem' }}>{rollout.reason}</Box>,
              },
              {
                head: t('rollouts.asked'),
                cell: (rollout) => farmDateTime(Date.parse(rollout.created_at), timezone),
              },
              { head: t('column.who'), cell: (rollout) => rollout.created_by },
            ]}
          />
          {older}
        </Card>
      )}
    </Pages>
  );
}
