/** Labels from a file of another tool: checked first, with every fault by its place, and taken whole or not at all. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { ApiError, type PlacedFault } from '../../api/client';
import { importLabels, type LabelFormat } from '../../api/labels';
import { t } from '../../i18n';
import { UploadIcon } from '../../kit/icons';
import { Table } from '../../kit/Table';

const FORMATS: Readonly<Record<LabelFormat, string>> = { coco: 'COCO', label_studio: 'Label Studio' };

export function ImportPart(): JSX.Element {
  const client = useQueryClient();
  const [format, setFormat] = useState<LabelFormat>('coco');
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const check = useMutation({ mutationFn: (text: string) => send(format, text, true) });
  const take = useMutation({
    mutationFn: (text: string) => send(format, text, false),
    onSuccess: () => client.invalidateQueries({ queryKey: ['labels'] }),
  });
  const choose = async (chosen: File | undefined): Promise<void> => {
    if (chosen === undefined) return;
    const text = await chosen.text();
    setFile({ name: chosen.name, text });
    take.reset();
    check.mutate(text);
  };
  const error = check.error ?? take.error;
  return (
    <Box sx={{ display: 'grid', gap: 2, maxWidth: '60rem' }}>
      <Typography color="textSecondary">{t('labels.import_text')}</Typography>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'center' }}>
        <TextField
          select
          label={t('labels.import_form')}
          value={format}
          onChange={(event) => {
            setFormat(event.target.value as LabelFormat);
            setFile(null);
            check.reset();
            take.reset();
          }}
          sx={{ minWidth: '12rem' }}
        >
          {Object.entries(FORMATS).map(([key, name]) => (
            <MenuItem key={key} value={key}>
              {name}
            </MenuItem>
          ))}
        </TextField>
        <Button variant="contained" disableElevation component="label" startIcon={<UploadIcon />}>
          {t('import.choose')}
          <input
            type="file"
            accept=".json,application/json"
            data-testid="labels-file"
            // Chosen again after a change, the same file must count as a choice.
            onClick={(event) => (event.currentTarget.value = '')}
            onChange={(event) => void choose(event.target.files?.[0])}
            style={{ position: 'absolute', width: 1, height: 1, opacity: 0 }}
          />
        </Button>
      </Box>
      {file !== null && <Typography>{file.name}</Typography>}
      {check.isPending && <Typography role="status">{t('import.checking')}</Typography>}
      {error !== null && <Refused error={error} />}
      {check.data !== undefined && take.data === undefined && file !== null && (
        <Alert
          severity="info"
          action={
            <Button color="inherit" disabled={take.isPending} onClick={() => take.mutate(file.text)}>
              {t('import.take')}
            </Button>
          }
        >
          {t('labels.import_fine', {
            n: check.data.labels,
            fresh: check.data.stored,
            known: check.data.known,
            closed: check.data.closed,
          })}
        </Alert>
      )}
      {take.data !== undefined && (
        <Alert severity="success" data-testid="labels-taken">
          {t('labels.import_done', { n: take.data.stored })}
        </Alert>
      )}
    </Box>
  );
}

/** A file that is no JSON is told of here; the server would say the same less well. */
async function send(format: LabelFormat, text: string, dryRun: boolean): ReturnType<typeof importLabels> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new ApiError('refused', t('labels.import_no_json'), null, [
      { location: '(file)', message: error instanceof Error ? error.message : '' },
    ]);
  }
  return importLabels(format, document, dryRun);
}

function Refused({ error }: { error: Error }): JSX.Element {
  const faults: readonly PlacedFault[] = error instanceof ApiError ? error.faults : [];
  if (faults.length === 0) return <Alert severity="error">{error.message}</Alert>;
  return (
    <Box data-testid="labels-faults">
      <Alert severity="error" sx={{ mb: 1 }}>
        {t('labels.import_faults', { n: faults.length })}
      </Alert>
      <Table
        label={t('import.faults_title')}
        rows={faults}
        rowKey={(fault) => `${fault.location} ${fault.message}`}
        columns={[
          { head: t('labels.import_place'), cell: (fault) => <code>{fault.location}</code> },
          { head: t('column.why'), cell: (fault) => fault.message },
        ]}
      />
    </Box>
  );
}
