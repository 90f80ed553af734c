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
import { DEFAULT_PLAN, isSlug, isVersion, planFaults, planOf, slugsOf, type PlanDraft } from './rules';

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
  const [groups, setGroups] = useState('');
  const [tags, setTags] = useState('');
  const [second, setSecond] = useState(false);
  const [leaveOut, setLeaveOut] = useState(false);
  const [own, setOwn] = useState(false);
  const [draft, setDraft] = useState<PlanDraft>(DEFAULT_PLAN);
  const ask = useAsk();
  const model = kind === 'agent' ? AGENT : called;
  const ofKind = published.filter((one) => one.kind === kind);
  const ofName = ofKind.filter((one) => one.model === model);
  const good =
    name.trim() !== '' &&
    isSlug(model) &&
    isVersion(version) &&
    (backTo === '' || isVersion(backTo)) &&
    [...slugsOf(groups), ...slugsOf(tags)].every(isSlug) &&
    (!own || planFaults(draft).length === 0);
  const submit = (): void => {
    const wanted = {
      name: name.trim(),
      kind,
      model,
      version,
      back_to: backTo === '' ? null : backTo,
      sites: chosen.length === 0 ? null : [...chosen],
      groups: groups.trim() === '' ? null : slugsOf(groups),
      tags: tags.trim() === '' ? null : slugsOf(tags),
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
        <TextField
          label={kind === 'config' ? t('rollouts.config') : t('rollouts.model')}
          required
          value={called}
          error={called !== '' && !isSlug(called)}
          onChange={(event) => setCalled(event.target.value.trim())}
          slotProps={{ htmlInput: { list: 'released-names' } }}
        />
      )}
      <TextField
        label={t('rollouts.version')}
        required
        value={version}
        error={version !== '' && !isVersion(version)}
        helperText={t('rollouts.version_form')}
        onChange={(event) => setVersion(event.target.value.trim())}
        slotProps={{ htmlInput: { list: 'released-versions' } }}
      />
      <TextField
        label={t('rollouts.back_to')}
        value={backTo}
        error={backTo !== '' && !isVersion(backTo)}
        helperText={kind === 'agent' ? t('rollouts.agent_back_text') : t('rollouts.back_to_text')}
        onChange={(event) => setBackTo(event.target.value.trim())}
        slotProps={{ htmlInput: { list: 'released-versions' } }}
      />
      <datalist id="released-names">
        {[...new Set(ofKind.map((one) => one.model))].map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <datalist id="released-versions">
        {ofName.map((one) => (
          <option key={one.version} value={one.version} />
        ))}
      </datalist>
      <SiteChoice chosen={chosen} onChange={setChosen} />
      <TextField
        label={t('rollouts.groups')}
        value={groups}
        helperText={t('rollouts.groups_text')}
        onChange={(event) => setGroups(event.target.value)}
      />
      <TextField
        label={t('rollouts.tags')}
        value={tags}
        helperText={t('rollouts.tags_text')}
        onChange={(event) => setTags(event.target.value)}
      />
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
