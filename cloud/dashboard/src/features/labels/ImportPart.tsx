/** Labels from a file of another tool: checked first, with every fault by its place, and taken whole or not at all. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useState, type JSX } from 'react';
import { ApiError, type PlacedFault } from '../../api/client';
import { importLabels, type LabelFormat } from '../../api/labels';
import { t } from '../../i18n';
import { FileImport, useFileImport } from '../../kit/FileImport';
import { Table } from '../../kit/Table';

const FORMATS: Readonly<Record<LabelFormat, string>> = { coco: 'COCO', label_studio: 'Label Studio' };

export function ImportPart(): JSX.Element {
  const [format, setFormat] = useState<LabelFormat>('coco');
  const importing = useFileImport((text, dryRun) => send(format, text, dryRun), ['labels']);
  const { error } = importing;
  return (
    <FileImport
      importing={importing}
      text={t('labels.import_text')}
      accept=".json,application/json"
      testId="labels-file"
      faults={error instanceof ApiError && error.faults.length > 0 ? <Faults found={error.faults} /> : null}
      fine={({ labels, stored, known, closed }) =>
        t('labels.import_fine', { n: labels, fresh: stored, known, closed })
      }
      done={({ stored }) => t('labels.import_done', { n: stored })}
    >
      <TextField
        select
        label={t('labels.import_form')}
        value={format}
        onChange={(event) => {
          setFormat(event.target.value as LabelFormat);
          importing.reset();
        }}
        sx={{ minWidth: '12rem' }}
      >
        {Object.entries(FORMATS).map(([key, name]) => (
          <MenuItem key={key} value={key}>
            {name}
          </MenuItem>
        ))}
      </TextField>
    </FileImport>
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

function Faults({ found }: { found: readonly PlacedFault[] }): JSX.Element {
  return (
    <Box data-testid="labels-faults">
      <Alert severity="error" sx={{ mb: 1 }}>
        {t('labels.import_faults', { n: found.length })}
      </Alert>
      <Table
        label={t('import.faults_title')}
        rows={found}
        rowKey={(fault) => `${fault.location} ${fault.message}`}
        columns={[
          { head: t('labels.import_place'), cell: (fault) => <code>{fault.location}</code> },
          { head: t('column.why'), cell: (fault) => fault.message },
        ]}
      />
    </Box>
  );
}
