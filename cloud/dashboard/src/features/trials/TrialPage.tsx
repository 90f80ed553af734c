/** One trial: how it stands, whether its boxes run what they should, what it shows, and what a person may do. Loaded when first opened. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import type { Trial } from '../../api/types';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { Facts, type Fact } from '../../kit/Facts';
import { BackIcon } from '../../kit/icons';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { useSession } from '../auth/useSession';
import { FarmFrame } from '../farms/FarmFrame';
import { StatusMark } from '../rollouts/StatusMark';
import { BoxesCard } from './BoxesCard';
import { ComparisonCard } from './ComparisonCard';
import { DeedDialog } from './DeedDialog';
import { useTrial } from './queries';
import { deedsOf, type Deed } from './rules';
import { endText } from './TrialsPart';

export default function TrialPage(): JSX.Element {
  const { site = '', trial = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot, skewMs }) => (
        <TrialDetail
          key={trial}
          site={site}
          id={trial}
          timezone={snapshot.latest.site.timezone}
          skewMs={skewMs}
        />
      )}
    </FarmFrame>
  );
}

interface Props {
  site: string;
  id: string;
  timezone: string;
  skewMs: number;
}

function TrialDetail({ id, ...props }: Props): JSX.Element {
  return <Answer query={useTrial(id)}>{(trial) => <Detail trial={trial} {...props} />}</Answer>;
}

function Detail({ site, trial, timezone, skewMs }: Omit<Props, 'id'> & { trial: Trial }): JSX.Element {
  const [deed, setDeed] = useState<Deed | null>(null);
  const [sent, setSent] = useState(false);
  const navigate = useNavigate();
  const me = useSession()?.user.email;
  const deeds = useMay('fleet_admin') ? deedsOf(trial, me) : [];
  const begun = trial.began_at !== null;
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Box sx={{ display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: 1 }}>
        <IconButton
          component={Link}
          to={`/sites/${site}/rollouts?part=trials`}
          aria-label={t('trials.all')}
          edge="start"
        >
          <BackIcon />
        </IconButton>
        <Box sx={{ flex: '1 1 14rem', minWidth: 0 }}>
          <Typography variant="h1">{trial.name}</Typography>
          <Typography variant="body2" color="textSecondary">
            {trial.model} {trial.version} · {whereText(trial)}
          </Typography>
        </Box>
        <StatusMark status={trial.status} />
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          {deeds.map((each) => (
            <Button
              key={each}
              variant={each === 'approve' ? 'contained' : 'outlined'}
              color={each === 'approve' ? 'primary' : 'inherit'}
              disableElevation
              onClick={() => {
                setSent(false);
                setDeed(each);
              }}
            >
              {t(`trials.${each}`)}
            </Button>
          ))}
        </Box>
      </Box>
      {sent && <Alert severity="info">{t('order.sent')}</Alert>}
      {trial.status === 'proposed' && (
        <Alert severity="info">
          {t(deeds.includes('approve') ? 'trials.waits_for_you' : 'rollouts.waits_for_another')}
        </Alert>
      )}
      <Card>
        {trial.reason !== '' && (
          <Typography sx={{ fontWeight: 600, mb: 1.5 }} data-testid="trial-reason">
            {trial.reason}
          </Typography>
        )}
        <Facts facts={factsOf(trial, timezone)} />
      </Card>
      {begun ? (
        <>
          <ComparisonCard id={trial.id} />
          <BoxesCard trial={trial} skewMs={skewMs} />
        </>
      ) : (
        <Typography color="textSecondary">{t('trials.not_begun')}</Typography>
      )}
      {deed !== null && (
        <DeedDialog
          trial={trial}
          deed={deed}
          onClose={() => setDeed(null)}
          onDone={() => {
            setDeed(null);
            setSent(true);
          }}
          onAdopted={(rollout) => void navigate(`/sites/${site}/rollouts/${rollout.id}`)}
        />
      )}
    </Box>
  );
}

function whereText({ share, units }: Trial): string {
  if (units !== null) return units.join(', ');
  return t('trials.share_of', { percent: numberText((share ?? 0) * 100, 0) });
}

function factsOf(trial: Trial, timezone: string): Fact[] {
  const at = (moment: string): string => farmDateTime(Date.parse(moment), timezone);
  const facts: Fact[] = [
    [t('rollouts.asked_by'), trial.created_by],
    [t('rollouts.asked'), at(trial.created_at)],
  ];
  if (trial.approved_by !== null && trial.approved_at !== null)
    facts.push([t('rollouts.approved_by'), `${trial.approved_by}, ${at(trial.approved_at)}`]);
  if (trial.began_at !== null) facts.push([t('rollouts.began'), at(trial.began_at)]);
  facts.push([t(trial.ended_at === null ? 'trials.ends' : 'rollouts.ended'), endText(trial, timezone)]);
  if (trial.ended_by !== null) facts.push([t('trials.ended_by'), trial.ended_by]);
  return facts;
}
