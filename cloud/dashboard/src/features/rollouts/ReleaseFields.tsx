/** The fields in which a form names a release and whom it goes to; what is published is proposed while one types. */
import TextField, { type TextFieldProps } from '@mui/material/TextField';
import { useId, type JSX } from 'react';
import { t } from '../../i18n';
import { isSlug, isVersion, type Audience } from './rules';

interface Props extends Pick<TextFieldProps, 'autoFocus' | 'helperText' | 'required'> {
  label: string;
  value: string;
  proposed: readonly string[];
  onChange: (text: string) => void;
}

export function ReleaseNameField(props: Props): JSX.Element {
  return <Proposing {...props} required good={isSlug} />;
}

export function VersionField(props: Props): JSX.Element {
  return <Proposing {...props} good={isVersion} />;
}

function Proposing({
  proposed,
  good,
  onChange,
  ...field
}: Props & { good: (text: string) => boolean }): JSX.Element {
  const id = useId();
  return (
    <>
      <TextField
        {...field}
        error={field.value !== '' && !good(field.value)}
        onChange={(event) => onChange(event.target.value.trim())}
        slotProps={{ htmlInput: { list: id } }}
      />
      <datalist id={id}>
        {[...new Set(proposed)].map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  );
}

interface AudienceProps {
  audience: Audience;
  onChange: (audience: Audience) => void;
}

export function AudienceFields({ audience, onChange }: AudienceProps): JSX.Element {
  return (
    <>
      <TextField
        label={t('rollouts.groups')}
        value={audience.groups}
        helperText={t('rollouts.groups_text')}
        onChange={(event) => onChange({ ...audience, groups: event.target.value })}
      />
      <TextField
        label={t('rollouts.tags')}
        value={audience.tags}
        helperText={t('rollouts.tags_text')}
        onChange={(event) => onChange({ ...audience, tags: event.target.value })}
      />
    </>
  );
}
