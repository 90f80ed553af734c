/** Approve, end or adopt a trial: what it does is said first. */
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { RolloutView, Trial } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { useReleases } from '../releases/queries';
import { runnable, wayBack } from '../releases/rules';
import { VersionField } from '../rollouts/ReleaseFields';
import { isVersion } from '../rollouts/rules';
import { useAdoptTrial, useApproveTrial, useEndTrial } from './queries';
import { LEAST_REASON, type Deed } from './rules';

interface Props {
  trial: Trial;
  deed: Deed;
  onClose: () => void;
  onDone: () => void;
  onAdopted: (rollout: RolloutView) => void;
}

export function DeedDialog({ deed, ...props }: Props): JSX.Element {
  return deed === 'adopt' ? <Adopting {...props} /> : <Saying deed={deed} {...props} />;
}

type Saying = Omit<Props, 'deed' | 'onAdopted'> & { deed: 'approve' | 'end' };

function Saying({ trial, deed, onClose, onDone }: Saying): JSX.Element {
  const [reason, setReason] = useState('');
  const approving = useApproveTrial();
  const ending = useEndTrial();
  const send = deed === 'approve' ? approving : ending;
  const least = deed === 'approve' ? 0 : LEAST_REASON;
  return (
    <FormDialog
      title={t(`trials.${deed}`)}
      action={t(`trials.${deed}`)}
      disabled={reason.trim().length < least || send.isPending}
      error={send.error}
      onSubmit={() => send.mutate({ id: trial.id, reason: reason.trim() }, { onSuccess: onDone })}
      onClose={onClose}
    >
      <Named trial={trial} />
      <Typography>{t(`trials.${deed}_text`)}</Typography>
      <TextField
        label={t('trials.reason')}
        required={least > 0}
        autoFocus
        multiline
        minRows={2}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        slotProps={{ htmlInput: { minLength: least, maxLength: 200 } }}
      />
    </FormDialog>
  );
}

function Adopting({ trial, onClose, onAdopted }: Omit<Props, 'deed' | 'onDone'>): JSX.Element {
  const registry = useReleases().data;
  const published = registry === undefined ? [] : runnable(registry);
  const release = published.find((one) => one.model === trial.model && one.version === trial.version);
  const before = release === undefined ? null : wayBack(release, published);
  const [typed, setTyped] = useState<string | null>(null);
  const backTo = typed ?? before ?? '';
  const adopt = useAdoptTrial();
  return (
    <FormDialog
      title={t('trials.adopt')}
      action={t('trials.adopt')}
      disabled={(backTo !== '' && !isVersion(backTo)) || adopt.isPending}
      error={adopt.error}
      onSubmit={() => adopt.mutate({ id: trial.id, backTo: backTo || null }, { onSuccess: onAdopted })}
      onClose={onClose}
    >
      <Named trial={trial} />
      <Typography>{t('trials.adopt_text')}</Typography>
      <VersionField
        label={t('rollouts.back_to')}
        value={backTo}
        proposed={published
          .filter((one) => one.model === trial.model && one.version !== trial.version)
          .map((one) => one.version)}
        helperText={t('rollouts.back_to_text')}
        onChange={setTyped}
      />
    </FormDialog>
  );
}

function Named({ trial }: { trial: Trial }): JSX.Element {
  return (
    <Typography sx={{ fontWeight: 600 }}>
      {trial.name}: {trial.model} {trial.version}
    </Typography>
  );
}
