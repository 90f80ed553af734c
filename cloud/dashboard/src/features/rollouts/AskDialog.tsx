/** Ask for a rollout: what, to whom, and by which plan. */
import FormControlLabel from '@mui/material/FormControlLabel';
import Switch from '@mui/material/Switch';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { ArtifactKind, Release, RolloutView } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { SelectField } from '../../kit/SelectField';
import { SiteChoice } from '../farms/SiteChoice';
import { useReleases } from '../releases/queries';
import { runnable, wayBack } from '../releases/rules';
import { PlanFields } from './PlanFields';
import { useAsk } from './queries';
import { AudienceFields, ReleaseNameField, VersionField } from './ReleaseFields';
import {
  audienceOf,
  DEFAULT_PLAN,
  EVERYBODY,
  isAudience,
  isSlug,
  isVersion,
  planFaults,
  planOf,
  type PlanDraft,
} from './rules';

const KINDS: readonly ArtifactKind[] = ['model', 'config', 'agent'];
/** The only name of releases of the agent (`contracts.deployments.AGENT_NAME`). */
const AGENT = 'agent';

interface Props {
  /** What is to be rolled out, where that is known. */
  release?: Release;
  onClose: () => void;
  onAsked: (rollout: RolloutView) => void;
}

export function AskDialog({ release, onClose, onAsked }: Props): JSX.Element {
  const registry = useReleases().data;
  const published = registry === undefined ? [] : runnable(registry);
  const [name, setName] = useState(release === undefined ? '' : `${release.model} ${release.version}`);
  const [kind, setKind] = useState<ArtifactKind>(release?.kind ?? 'model');
  const [called, setCalled] = useState(release?.model ?? '');
  const [version, setVersion] = useState(release?.version ?? '');
  const [backTo, setBackTo] = useState((release && wayBack(release, published)) ?? '');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [audience, setAudience] = useState(EVERYBODY);
  const [second, setSecond] = useState(false);
  const [leaveOut, setLeaveOut] = useState(false);
  const [own, setOwn] = useState(false);
  const [draft, setDraft] = useState<PlanDraft>(DEFAULT_PLAN);
  const ask = useAsk();
  const model = kind === 'agent' ? AGENT : called;
  const ofKind = published.filter((one) => one.kind === kind);
  const versions = ofKind.filter((one) => one.model === model).map((one) => one.version);
  const good =
    name.trim() !== '' &&
    isSlug(model) &&
    isVersion(version) &&
    (backTo === '' || isVersion(backTo)) &&
    isAudience(audience) &&
    (!own || planFaults(draft).length === 0);
  const submit = (): void => {
    const wanted = {
      name: name.trim(),
      kind,
      model,
      version,
      back_to: backTo === '' ? null : backTo,
      sites: chosen.length === 0 ? null : [...chosen],
      ...audienceOf(audience),
      second_person: second,
      leave_out_incompatible: leaveOut,
      ...(own && { plan: planOf(draft) }),
    };
    ask.mutate(wanted, { onSuccess: onAsked });
  };
  return (
    <FormDialog
      title={t('rollouts.ask_title')}
      action={t('rollouts.send')}
      disabled={!good || ask.isPending}
      error={ask.error}
      onSubmit={submit}
      onClose={onClose}
      width="sm"
    >
      <Typography variant="body2" color="textSecondary">
        {t('rollouts.ask_text')}
      </Typography>
      <TextField
        label={t('rollouts.name')}
        required
        autoFocus
        value={name}
        onChange={(event) => setName(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
      <SelectField
        label={t('rollouts.kind')}
        value={kind}
        options={KINDS.map((one) => [one, t(`releases.kind.${one}`)])}
        onChange={setKind}
      />
      {kind !== 'agent' && (
        <ReleaseNameField
          label={kind === 'config' ? t('rollouts.config') : t('rollouts.model')}
          value={called}
          proposed={ofKind.map((one) => one.model)}
          onChange={setCalled}
        />
      )}
      <VersionField
        label={t('rollouts.version')}
        required
        value={version}
        proposed={versions}
        helperText={t('rollouts.version_form')}
        onChange={setVersion}
      />
      <VersionField
        label={t('rollouts.back_to')}
        value={backTo}
        proposed={versions}
        helperText={kind === 'agent' ? t('rollouts.agent_back_text') : t('rollouts.back_to_text')}
        onChange={setBackTo}
      />
      <SiteChoice chosen={chosen} onChange={setChosen} />
      <AudienceFields audience={audience} onChange={setAudience} />
      <FormControlLabel
        control={<Switch checked={leaveOut} onChange={(_event, on) => setLeaveOut(on)} />}
        label={t('rollouts.leave_out')}
      />
      <FormControlLabel
        control={<Switch checked={second} onChange={(_event, on) => setSecond(on)} />}
        label={t('rollouts.second_person')}
      />
      <FormControlLabel
        control={<Switch checked={own} onChange={(_event, on) => setOwn(on)} />}
        label={t('rollouts.own_plan')}
      />
      {own && <PlanFields draft={draft} onChange={setDraft} />}
    </FormDialog>
  );
}
