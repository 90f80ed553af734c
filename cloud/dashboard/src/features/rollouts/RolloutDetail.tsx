/** One rollout: where its waves stand, what its gates say, what was decided and why, and what a person may order. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import { useState, type ComponentType, type JSX } from 'react';
import { Link } from 'react-router';
import type { GateView, RolloutDevice, RolloutView, WaveView } from '../../api/types';
import { numberText, plain, t, word } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { BackIcon, CheckIcon, CloseIcon, MinusIcon } from '../../kit/icons';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { Tabs } from '../../kit/Tabs';
import { farmDateTime } from '../../kit/time';
import { useSession } from '../auth/useSession';
import { OrderDialog } from './OrderDialog';
import { PairsPart } from './PairsPart';
import { useDecisions, useRollout, useRolloutDevices } from './queries';
import { ordersOf, STANDINGS, standingsOf, waitsForAnother, type Standing, type Wish } from './rules';
import { StatusMark } from './StatusMark';

interface Props {
  site: string;
  id: string;
  timezone: string;
}

export function RolloutDetail({ site, id, timezone }: Props): JSX.Element {
  return (
    <Answer query={useRollout(id)}>
      {(rollout) => <Detail site={site} rollout={rollout} timezone={timezone} />}
    </Answer>
  );
}

interface DetailProps {
  site: string;
  rollout: RolloutView;
  timezone: string;
}

function Detail({ site, rollout, timezone }: DetailProps): JSX.Element {
  const [ordering, setOrdering] = useState<Wish | null>(null);
  const [sent, setSent] = useState(false);
  const me = useSession()?.user.email;
  const at = (moment: string | null): string =>
    moment === null ? '–' : farmDateTime(Date.parse(moment), timezone);
  const facts: [string, string][] = [
    [t('rollouts.asked_by'), rollout.created_by],
    [t('rollouts.asked'), at(rollout.created_at)],
    ...approvalOf(rollout, at),
    [t('rollouts.began'), at(rollout.began_at)],
    [t('rollouts.ended'), at(rollout.ended_at)],
    [t('rollouts.back_to'), rollout.back_to ?? '–'],
    [t('rollouts.sites'), rollout.sites?.join(', ') ?? t('rollouts.all_sites')],
    [
      t('rollouts.harm'),
      t('rollouts.harm_of', {
        harm: numberText(rollout.harm_h, 1),
        budget: numberText(rollout.plan.harm_budget_h, 0),
      }),
    ],
  ];
  return (
    <Box sx={{ display: 'grid', gap: 2, minWidth: 0 }}>
      <Box sx={{ display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: 1 }}>
        <IconButton
          component={Link}
          to={`/sites/${site}/rollouts`}
          aria-label={t('rollouts.all')}
          edge="start"
        >
          <BackIcon />
        </IconButton>
        <Box sx={{ flex: '1 1 14rem', minWidth: 0 }}>
          <Typography variant="h1">{rollout.name}</Typography>
          <Typography variant="body2" color="textSecondary">
            {rollout.model} {rollout.version}
          </Typography>
        </Box>
        <StatusMark status={rollout.status} />
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          {ordersOf(rollout, me).map((kind) => (
            <Button
              key={kind}
              variant={kind === 'approve' ? 'contained' : 'outlined'}
              color={kind === 'approve' ? 'primary' : 'inherit'}
              disableElevation
              onClick={() => {
                setSent(false);
                setOrdering(kind);
              }}
            >
              {t(`order.${kind}`)}
            </Button>
          ))}
        </Box>
      </Box>
      {sent && <Alert severity="info">{t('order.sent')}</Alert>}
      {rollout.status === 'proposed' && (
        <Alert severity="info">
          {t(waitsForAnother(rollout, me) ? 'rollouts.waits_for_another' : 'rollouts.waits_for_you')}
        </Alert>
      )}
      <Card>
        <Typography sx={{ fontWeight: 600, mb: 1.5 }}>{rollout.reason}</Typography>
        <Box
          component="dl"
          sx={{
            m: 0,
            display: 'grid',
            gap: 1.5,
            gridTemplateColumns: 'repeat(auto-fill, minmax(10rem, 1fr))',
          }}
        >
          {facts.map(([name, value]) => (
            <div key={name}>
              <Typography component="dt" variant="caption" color="textSecondary">
                {name}
              </Typography>
              <Typography component="dd" sx={{ m: 0, overflowWrap: 'anywhere' }}>
                {value}
              </Typography>
            </div>
          ))}
        </Box>
      </Card>
      <Card title={t('rollouts.waves')}>
        <Box
          component="ol"
          sx={{
            listStyle: 'none',
            m: 0,
            p: 0,
            display: 'grid',
            gap: 1.5,
            gridTemplateColumns: 'repeat(auto-fill, minmax(min(15rem, 100%), 1fr))',
          }}
        >
          {rollout.waves.map((wave, index) => (
            <Wave key={wave.name} wave={wave} open={index === rollout.wave} at={at} />
          ))}
        </Box>
      </Card>
      <Box sx={{ minWidth: 0 }}>
        <Tabs
          label={rollout.name}
          parts={[
            { key: 'gates', label: t('rollouts.gates'), content: () => <Gates gates={rollout.gates} /> },
            {
              key: 'decisions',
              label: t('rollouts.decisions'),
              content: () => <Decisions id={rollout.id} at={at} />,
            },
            {
              key: 'devices',
              label: t('nav.devices'),
              content: () => <Devices id={rollout.id} waves={rollout.waves} />,
            },
            ...(rollout.kind === 'model'
              ? [
                  {
                    key: 'pairs',
                    label: t('shadow.tab'),
                    content: () => (
                      <PairsPart model={rollout.model} version={rollout.version} timezone={timezone} />
                    ),
                  },
                ]
              : []),
          ]}
        />
      </Box>
      {ordering !== null && (
        <OrderDialog
          rollout={rollout}
          kind={ordering}
          onClose={() => setOrdering(null)}
          onSent={() => {
            setOrdering(null);
            setSent(true);
          }}
        />
      )}
    </Box>
  );
}

/** Who agreed, where somebody had to and has. */
function approvalOf(rollout: RolloutView, at: (moment: string | null) => string): [string, string][] {
  if (rollout.approved_by === null) return [];
  return [[t('rollouts.approved_by'), `${rollout.approved_by}, ${at(rollout.approved_at)}`]];
}

const TINT: Readonly<Record<Standing, string>> = {
  done: 'live',
  moving: 'severity.minor',
  waiting: 'divider',
  lost: 'severity.major',
};

interface WaveProps {
  wave: WaveView;
  open: boolean;
  at: (moment: string | null) => string;
}

function Wave({ wave, open, at }: WaveProps): JSX.Element {
  const standings = standingsOf(wave.steps);
  const stage =
    wave.passed_at !== null
      ? t('rollouts.passed_at', { at: at(wave.passed_at) })
      : wave.released_at !== null
        ? t('rollouts.released_at', { at: at(wave.released_at) })
        : wave.began_at !== null
          ? t('rollouts.began_at', { at: at(wave.began_at) })
          : t('rollouts.not_begun');
  return (
    <Box
      component="li"
      data-testid="wave"
      aria-current={open ? 'step' : undefined}
      sx={{
        p: 1.5,
        borderRadius: '0.5rem',
        bgcolor: 'raised',
        border: '2px solid',
        borderColor: open ? 'live' : 'transparent',
      }}
    >
      <Box sx={{ display: 'flex', gap: 1, alignItems: 'baseline' }}>
        <Typography sx={{ fontWeight: 650, flex: 1 }}>{wave.name}</Typography>
        <Typography variant="caption" color="textSecondary">
          {t('rollouts.share', { percent: numberText(wave.share * 100) })}
        </Typography>
      </Box>
      <Typography variant="caption" color="textSecondary" component="div">
        {stage}
      </Typography>
      <Box
        aria-hidden="true"
        sx={{
          display: 'flex',
          gap: '2px',
          height: '0.5rem',
          my: 1,
          bgcolor: 'divider',
          borderRadius: '0.25rem',
        }}
      >
        {STANDINGS.filter((standing) => standings[standing] > 0).map((standing) => (
          <Box
            key={standing}
            sx={{ flex: standings[standing], bgcolor: TINT[standing], borderRadius: '0.25rem' }}
          />
        ))}
      </Box>
      <Typography variant="body2">
        {wave.devices === 0
          ? '–'
          : Object.entries(wave.steps)
              .map(([step, count]) => `${numberText(count)} ${word('step', step)}`)
              .join(' · ')}
      </Typography>
    </Box>
  );
}

const UNSURE = [MinusIcon, 'text.secondary'] as const;
const VERDICTS: Readonly<Record<string, readonly [ComponentType, string]>> = {
  passed: [CheckIcon, 'live'],
  failed: [CloseIcon, 'severity.major'],
  inconclusive: UNSURE,
};

function Verdict({ verdict }: { verdict: string }): JSX.Element {
  const [Icon, color] = VERDICTS[verdict] ?? UNSURE;
  return (
    <Box
      sx={{ display: 'flex', alignItems: 'center', gap: 0.5, color, fontWeight: 650, whiteSpace: 'nowrap' }}
    >
      <Icon />
      {word('gate', verdict)}
    </Box>
  );
}

function limitText({ at_least: least, at_most: most }: GateView): string {
  return [
    least === null ? '' : `≥\u00a0${numberText(least)}`,
    most === null ? '' : `≤\u00a0${numberText(most)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function meanText({ mean, low, high }: GateView): string {
  if (mean === null) return '–';
  const bounds = low === null || high === null ? '' : ` (${numberText(low, 2)} – ${numberText(high, 2)})`;
  return `${numberText(mean, 2)}${bounds}`;
}

function Gates({ gates }: { gates: readonly GateView[] }): JSX.Element {
  if (gates.length === 0) return <Typography color="textSecondary">{t('rollouts.no_gates')}</Typography>;
  return (
    <Card>
      <Table
        label={t('rollouts.gates')}
        rows={gates}
        rowKey={(gate) => `${gate.stratum.join()} ${gate.phase}.${gate.metric}`}
        columns={[
          { head: t('rollouts.stratum'), cell: (gate) => gate.stratum.map(stratumText).join(' · ') },
          {
            head: t('column.what'),
            cell: (gate) => `${word('metric', gate.metric)}, ${word('phase', gate.phase)}`,
          },
          { head: t('rollouts.limit'), cell: limitText },
          { head: t('rollouts.mean'), cell: meanText },
          { head: t('rollouts.reported'), cell: (gate) => numberText(gate.devices), align: 'right' },
          { head: t('column.verdict'), cell: (gate) => <Verdict verdict={gate.verdict} /> },
        ]}
      />
    </Card>
  );
}

function stratumText(part: string): string {
  return word('kind', part, word('species', part, plain(part)));
}

function Decisions({ id, at }: { id: string; at: (moment: string | null) => string }): JSX.Element {
  const query = useDecisions(id);
  return (
    <Pages query={query} empty={{ title: t('rollouts.no_decisions') }}>
      {(rows, older) => (
        <Card>
          <Box
            component="ol"
            data-testid="decisions"
            sx={{ listStyle: 'none', m: 0, p: 0, display: 'grid', gap: 1 }}
          >
            {rows.map((decision, index) => (
              <Box
                component="li"
                key={`${decision.at} ${index}`}
                sx={{ display: 'flex', flexWrap: 'wrap', columnGap: 2 }}
              >
                <Typography variant="body2" color="textSecondary" sx={{ whiteSpace: 'nowrap' }}>
                  {at(decision.at)}
                </Typography>
                <Typography variant="body2" sx={{ flex: '1 1 16rem' }}>
                  {decision.words}
                </Typography>
              </Box>
            ))}
          </Box>
          {older}
        </Card>
      )}
    </Pages>
  );
}

function numbersText(device: RolloutDevice): string {
  return Object.entries(device.numbers)
    .map(([name, value]) => {
      const [phase = '', metric = ''] = name.split('.');
      return `${word('metric', metric)}, ${word('phase', phase)}: ${numberText(value)}`;
    })
    .join('; ');
}

function Devices({ id, waves }: { id: string; waves: readonly WaveView[] }): JSX.Element {
  const query = useRolloutDevices(id);
  return (
    <Pages query={query} empty={{ title: t('rollouts.no_devices') }}>
      {(rows, older) => (
        <Card>
          <Table
            label={t('nav.devices')}
            rows={rows}
            rowKey={(device) => `${device.site}/${device.device}`}
            columns={[
              { head: t('header.farm'), cell: (device) => device.site },
              { head: t('devices.title'), cell: (device) => <code>{device.device}</code> },
              { head: t('rollouts.wave'), cell: (device) => waves[device.wave]?.name ?? device.wave },
              { head: t('rollouts.step'), cell: (device) => word('step', device.step) },
              { head: t('column.why'), cell: (device) => device.reason },
              { head: t('rollouts.numbers'), cell: numbersText },
            ]}
          />
          {older}
        </Card>
      )}
    </Pages>
  );
}
