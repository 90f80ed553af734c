/** Ask for a rollout: what, to whom, and by which plan. */
import FormControlLabel from '@mui/material/FormControlLabel';
import Switch from '@mui/material/Switch';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { RolloutView } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { SiteChoice } from '../farms/SiteChoice';
import { PlanFields } from './PlanFields';
import { useAsk } from './queries';
import { DEFAULT_PLAN, isSlug, isVersion, planFaults, planOf, slugsOf, type PlanDraft } from './rules';

interface Props {
  onClose: () => void;
  onAsked: (rollout: RolloutView) => void;
}

export function AskDialog({ onClose, onAsked }: Props): JSX.Element {
  const [name, setName] = useState('');
  const [model, setModel] = useState('');
  const [version, setVersion] = useState('');
  const [backTo, setBackTo] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [groups, setGroups] = useState('');
  const [tags, setTags] = useState('');
  const [second, setSecond] = useState(false);
  const [own, setOwn] = useState(false);
  const [draft, setDraft] = useState<PlanDraft>(DEFAULT_PLAN);
  const ask = useAsk();
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
      model,
      version,
      back_to: backTo === '' ? null : backTo,
      sites: chosen.length === 0 ? null : [...chosen],
      groups: groups.trim() === '' ? null : slugsOf(groups),
      tags: tags.trim() === '' ? null : slugsOf(tags),
      second_person: second,
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
      <TextField
        label={t('rollouts.model')}
        required
        value={model}
        error={model !== '' && !isSlug(model)}
        onChange={(event) => setModel(event.target.value.trim())}
      />
      <TextField
        label={t('rollouts.version')}
        required
        value={version}
        error={version !== '' && !isVersion(version)}
        helperText={t('rollouts.version_form')}
        onChange={(event) => setVersion(event.target.value.trim())}
      />
      <TextField
        label={t('rollouts.back_to')}
        value={backTo}
        error={backTo !== '' && !isVersion(backTo)}
        helperText={t('rollouts.back_to_text')}
        onChange={(event) => setBackTo(event.target.value.trim())}
      />
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
