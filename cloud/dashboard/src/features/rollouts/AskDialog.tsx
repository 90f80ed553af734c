/** Ask for a rollout by the default plan. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX, type SyntheticEvent } from 'react';
import type { RolloutView } from '../../api/types';
import { t } from '../../i18n';
import { useSites } from '../farms/queries';
import { useAsk } from './queries';
import { isSlug, isVersion } from './rules';

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
  const sites = useSites().data ?? [];
  const ask = useAsk();
  const good =
    name.trim() !== '' && isSlug(model) && isVersion(version) && (backTo === '' || isVersion(backTo));
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const wanted = {
      name: name.trim(),
      model,
      version,
      back_to: backTo === '' ? null : backTo,
      sites: chosen.length === 0 ? null : [...chosen],
    };
    ask.mutate(wanted, { onSuccess: onAsked });
  };
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" aria-labelledby="ask-title">
      <form onSubmit={submit}>
        <DialogTitle id="ask-title">{t('rollouts.ask_title')}</DialogTitle>
        <DialogContent sx={{ display: 'grid', gap: 2 }}>
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
          <TextField
            select
            label={t('rollouts.sites')}
            value={chosen}
            onChange={(event) => setChosen(event.target.value as unknown as string[])}
            slotProps={{
              inputLabel: { shrink: true },
              select: {
                multiple: true,
                displayEmpty: true,
                renderValue: (value) =>
                  (value as string[]).length === 0
                    ? t('rollouts.all_sites')
                    : sites
                        .filter((site) => (value as string[]).includes(site.slug))
                        .map((site) => site.name)
                        .join(', '),
              },
            }}
          >
            {sites.map((site) => (
              <MenuItem key={site.slug} value={site.slug}>
                {site.name}
              </MenuItem>
            ))}
          </TextField>
          {ask.error !== null && <Alert severity="error">{ask.error.message}</Alert>}
        </DialogContent>
        <DialogActions sx={{ p: 2, pt: 0 }}>
          <Button color="inherit" onClick={onClose}>
            {t('action.cancel')}
          </Button>
          <Button type="submit" variant="contained" disableElevation disabled={!good || ask.isPending}>
            {t('rollouts.send')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
