/** Ask for a trial: of which release, in which tanks, for how long. */
import FormControlLabel from '@mui/material/FormControlLabel';
import MenuItem from '@mui/material/MenuItem';
import Switch from '@mui/material/Switch';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { Trial, Unit } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { SelectField } from '../../kit/SelectField';
import { SiteChoice } from '../farms/SiteChoice';
import { useReleases } from '../releases/queries';
import { runnable } from '../releases/rules';
import { AudienceFields, ReleaseNameField, VersionField } from '../rollouts/ReleaseFields';
import { audienceOf, EVERYBODY, isAudience, isSlug, isVersion } from '../rollouts/rules';
import { useAskTrial } from './queries';
import { daysOf, shareOf } from './rules';

type Where = 'share' | 'named';
const WHERE: readonly Where[] = ['share', 'named'];

interface Props {
  site: string;
  /** Of that farm. */
  units: readonly Unit[];
  onClose: () => void;
  onAsked: (trial: Trial) => void;
}

export function AskTrialDialog({ site, units, onClose, onAsked }: Props): JSX.Element {
  const registry = useReleases().data;
  const published = registry === undefined ? [] : runnable(registry).filter((one) => one.kind === 'model');
  const [name, setName] = useState('');
  const [model, setModel] = useState('');
  const [version, setVersion] = useState('');
  const [days, setDays] = useState('14');
  const [where, setWhere] = useState<Where>('share');
  const [percent, setPercent] = useState('50');
  const [tanks, setTanks] = useState<readonly string[]>([]);
  const [sites, setSites] = useState<readonly string[]>([]);
  const [audience, setAudience] = useState(EVERYBODY);
  const [second, setSecond] = useState(false);
  const ask = useAskTrial();
  const lasts = daysOf(days);
  const share = shareOf(percent);
  const named = where === 'named';
  const good =
    isSlug(model) &&
    isVersion(version) &&
    lasts !== null &&
    (named ? tanks.length > 0 : share !== null) &&
    isAudience(audience);
  const submit = (): void => {
    if (lasts === null) return;
    const wanted = {
      name: name.trim() || `${model} ${version}`,
      model,
      version,
      days: lasts,
      share: named ? null : share,
      units: named ? tanks.map((slug) => `${site}/${slug}`) : null,
      sites: named ? [site] : sites.length === 0 ? null : [...sites],
      ...audienceOf(audience),
      second_person: second,
    };
    ask.mutate(wanted, { onSuccess: onAsked });
  };
  return (
    <FormDialog
      title={t('trials.ask_title')}
      action={t('rollouts.send')}
      disabled={!good || ask.isPending}
      error={ask.error}
      onSubmit={submit}
      onClose={onClose}
      width="sm"
    >
      <Typography variant="body2" color="textSecondary">
        {t('trials.ask_text')}
      </Typography>
      <ReleaseNameField
        label={t('rollouts.model')}
        autoFocus
        value={model}
        proposed={published.map((one) => one.model)}
        onChange={setModel}
      />
      <VersionField
        label={t('rollouts.version')}
        required
        value={version}
        proposed={published.filter((one) => one.model === model).map((one) => one.version)}
        helperText={t('rollouts.version_form')}
        onChange={setVersion}
      />
      <TextField
        label={t('rollouts.name')}
        value={name}
        helperText={t('trials.name_text')}
        onChange={(event) => setName(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 200 } }}
      />
      <TextField
        label={t('trials.days')}
        required
        value={days}
        error={lasts === null}
        helperText={t('trials.days_text')}
        onChange={(event) => setDays(event.target.value)}
        slotProps={{ htmlInput: { inputMode: 'decimal' } }}
      />
      <SelectField
        label={t('trials.where')}
        value={where}
        options={WHERE.map((one) => [one, t(`trials.where_${one}`)])}
        onChange={setWhere}
      />
      {named ? (
        <TextField
          select
          label={t('trials.tanks')}
          required
          value={tanks}
          helperText={t('trials.tanks_text')}
          onChange={(event) => setTanks(event.target.value as unknown as string[])}
          slotProps={{ select: { multiple: true } }}
        >
          {units.map((unit) => (
            <MenuItem key={unit.slug} value={unit.slug}>
              {unit.name}
            </MenuItem>
          ))}
        </TextField>
      ) : (
        <>
          <TextField
            label={t('trials.percent')}
            required
            value={percent}
            error={share === null}
            helperText={t('trials.percent_text')}
            onChange={(event) => setPercent(event.target.value)}
            slotProps={{ htmlInput: { inputMode: 'decimal' } }}
          />
          <SiteChoice chosen={sites} onChange={setSites} />
        </>
      )}
      <AudienceFields audience={audience} onChange={setAudience} />
      <FormControlLabel
        control={<Switch checked={second} onChange={(_event, on) => setSecond(on)} />}
        label={t('rollouts.second_person')}
      />
    </FormDialog>
  );
}
