/** Rollouts of releases over the fleet: the list, or one of them. For fleet admins; loaded when first opened. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import { useState, type JSX } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { t } from '../../i18n';
import { Card } from '../../kit/Card';
import { PlusIcon } from '../../kit/icons';
import { PageTitle } from '../../kit/PageTitle';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { reaches } from '../auth/rules';
import { useSession } from '../auth/useSession';
import { FarmFrame } from '../farms/FarmFrame';
import { AskDialog } from './AskDialog';
import { useRollouts } from './queries';
import { RolloutDetail } from './RolloutDetail';
import { StatusMark } from './StatusMark';

export default function RolloutsPage(): JSX.Element {
  const { site = '', rollout } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => {
        const { timezone } = snapshot.latest.site;
        return rollout === undefined ? (
          <Rollouts site={site} timezone={timezone} />
        ) : (
          <RolloutDetail key={rollout} site={site} id={rollout} timezone={timezone} />
        );
      }}
    </FarmFrame>
  );
}

function Rollouts({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const query = useRollouts();
  const mayAsk = reaches(useSession()?.user.role ?? 'viewer', 'fleet_admin');
  return (
    <>
      <PageTitle title={t('rollouts.title')} text={t('rollouts.text')}>
        {mayAsk && (
          <Button
            variant="contained"
            disableElevation
            startIcon={<PlusIcon />}
            onClick={() => setAsking(true)}
          >
            {t('rollouts.ask')}
          </Button>
        )}
      </PageTitle>
      <Pages query={query} empty={{ title: t('rollouts.none'), text: t('rollouts.none_text') }}>
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
                { head: t('rollouts.model'), cell: (rollout) => `${rollout.model} ${rollout.version}` },
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
      {asking && (
        <AskDialog
          onClose={() => setAsking(false)}
          onAsked={(rollout) => void navigate(`/sites/${site}/rollouts/${rollout.id}`)}
        />
      )}
    </>
  );
}
