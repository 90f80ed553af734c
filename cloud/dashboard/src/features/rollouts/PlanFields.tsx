/** The plan of a rollout to be asked for: how long in shadow, in which waves, and what each kind of box must meet. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { t } from '../../i18n';
import { planFaults, type PlanDraft } from './rules';

interface Props {
  draft: PlanDraft;
  onChange: (draft: PlanDraft) => void;
}

export function PlanFields({ draft, onChange }: Props): JSX.Element {
  const wave = (at: number, part: Partial<PlanDraft['waves'][number]>): void =>
    onChange({ ...draft, waves: draft.waves.map((each, n) => (n === at ? { ...each, ...part } : each)) });
  const gate = (at: number, part: Partial<PlanDraft['gates'][number]>): void =>
    onChange({ ...draft, gates: draft.gates.map((each, n) => (n === at ? { ...each, ...part } : each)) });
  return (
    <Box role="group" aria-label={t('rollouts.own_plan')} sx={{ display: 'grid', gap: 2 }}>
      <TextField
        label={t('plan.shadow_h')}
        value={draft.shadowH}
        helperText={t('plan.shadow_text')}
        onChange={(event) => onChange({ ...draft, shadowH: event.target.value })}
      />
      <Typography variant="h3">{t('rollouts.waves')}</Typography>
      {draft.waves.map((each, at) => (
        <Box key={at} data-testid="plan-wave" sx={rowSx}>
          <TextField
            label={t('rollouts.name')}
            value={each.name}
            onChange={(event) => wave(at, { name: event.target.value.trim() })}
          />
          <TextField
            label={t('plan.percent')}
            value={each.percent}
            onChange={(event) => wave(at, { percent: event.target.value })}
          />
          <TextField
            label={t('plan.bake_h')}
            value={each.bakeH}
            onChange={(event) => wave(at, { bakeH: event.target.value })}
          />
          <Button
            color="inherit"
            onClick={() => onChange({ ...draft, waves: draft.waves.filter((_, n) => n !== at) })}
          >
            {t('oncall.remove')}
          </Button>
        </Box>
      ))}
      <Button
        variant="outlined"
        color="inherit"
        sx={{ justifySelf: 'start' }}
        onClick={() => onChange({ ...draft, waves: [...draft.waves, { name: '', percent: '', bakeH: '6' }] })}
      >
        {t('plan.add_wave')}
      </Button>
      <Typography variant="h3">{t('rollouts.gates')}</Typography>
      {draft.gates.map((each, at) => (
        <Box key={each.metric} data-testid="plan-gate" sx={rowSx}>
          <Typography sx={{ flex: '1 1 9rem' }}>{t(`metric.${each.metric}`)}</Typography>
          <TextField
            label={t('plan.at_least')}
            value={each.atLeast}
            onChange={(event) => gate(at, { atLeast: event.target.value })}
          />
          <TextField
            label={t('plan.at_most')}
            value={each.atMost}
            onChange={(event) => gate(at, { atMost: event.target.value })}
          />
          <Button
            color="inherit"
            onClick={() => onChange({ ...draft, gates: draft.gates.filter((_, n) => n !== at) })}
          >
            {t('oncall.remove')}
          </Button>
        </Box>
      ))}
      {planFaults(draft).map((fault) => (
        <Alert key={fault} severity="warning">
          {t(`plan_fault.${fault}`)}
        </Alert>
      ))}
    </Box>
  );
}

const rowSx = {
  display: 'flex',
  flexWrap: 'wrap',
  gap: 1.5,
  alignItems: 'center',
  '& .MuiTextField-root': { flex: '1 1 7rem' },
};
