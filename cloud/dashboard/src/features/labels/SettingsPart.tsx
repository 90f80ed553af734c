/** What is labelled: classes, scores, and how many people look at each frame. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState, type JSX } from 'react';
import type { LabelSettings } from '../../api/labels';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { useLabelSettings, useSetLabelSettings } from './queries';

export function SettingsPart({ mayChange }: { mayChange: boolean }): JSX.Element {
  const query = useLabelSettings();
  return <Answer query={query}>{(data) => <Form settings={data} mayChange={mayChange} />}</Answer>;
}

function Form({ settings, mayChange }: { settings: LabelSettings; mayChange: boolean }): JSX.Element {
  const [classes, setClasses] = useState(listed(settings.classes));
  const [imageClasses, setImageClasses] = useState(listed(settings.image_classes));
  const [scores, setScores] = useState(listed(settings.scores));
  const [annotators, setAnnotators] = useState(String(settings.annotators));
  const [licence, setLicence] = useState(settings.licence);
  const save = useSetLabelSettings();
  const fields = [
    [t('labels.classes_of_boxes'), classes, setClasses, t('labels.by_comma')],
    [t('labels.of_frame'), imageClasses, setImageClasses, t('labels.by_comma')],
    [t('labels.scores'), scores, setScores, t('labels.by_comma')],
    [t('labels.annotators'), annotators, setAnnotators, '1 – 5'],
    [t('labels.licence'), licence, setLicence, t('labels.licence_text')],
  ] as const;
  return (
    <Card title={t('labels.settings')}>
      <Box
        component="form"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate({
            classes: names(classes),
            image_classes: names(imageClasses),
            scores: names(scores),
            annotators: Number(annotators),
            licence,
          });
        }}
        sx={{ display: 'grid', gap: 2, maxWidth: '36rem' }}
      >
        {fields.map(([label, value, set, help]) => (
          <TextField
            key={label}
            label={label}
            value={value}
            helperText={help}
            disabled={!mayChange}
            size="small"
            onChange={(event) => set(event.target.value)}
          />
        ))}
        {save.isError && <Alert severity="error">{save.error.message}</Alert>}
        {save.isSuccess && <Alert severity="success">{t('labels.saved')}</Alert>}
        {mayChange && (
          <Button type="submit" variant="contained" disableElevation disabled={save.isPending}>
            {t('labels.save_settings')}
          </Button>
        )}
      </Box>
    </Card>
  );
}

function listed(values: readonly string[] | undefined): string {
  return (values ?? []).join(', ');
}

function names(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
