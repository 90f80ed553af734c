/** Many records from a file: checked first, with every fault by its row, and taken whole or not at all. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useState, type JSX } from 'react';
import { importRecords } from '../../api/endpoints';
import type { Imported } from '../../api/types';
import { t } from '../../i18n';
import { FileImport, useFileImport } from '../../kit/FileImport';
import { DownloadIcon } from '../../kit/icons';
import { Table } from '../../kit/Table';
import { csvTemplate, FORMS, type FormKind } from './forms';

const KINDS = Object.keys(FORMS) as FormKind[];

export function ImportPanel({ site }: { site: string }): JSX.Element {
  const [kind, setKind] = useState<FormKind>('mortality');
  const importing = useFileImport((text, dryRun) => importRecords(site, kind, text, dryRun), ['husbandry']);
  const checked = importing.check.data;
  return (
    <FileImport
      importing={importing}
      text={t('import.text')}
      accept=".csv,text/csv"
      testId="import-file"
      faults={checked !== undefined && checked.faults.length > 0 ? <Faults found={checked} /> : null}
      fine={({ rows, repeated }) => t('import.fine', { rows, repeated })}
      done={({ recorded, repeated }) => t('import.done', { recorded, repeated })}
    >
      <TextField
        select
        label={t('import.kind')}
        value={kind}
        onChange={(event) => {
          setKind(event.target.value as FormKind);
          importing.reset();
        }}
        sx={{ minWidth: '14rem' }}
      >
        {KINDS.map((each) => (
          <MenuItem key={each} value={each}>
            {t(`record.${each}`)}
          </MenuItem>
        ))}
      </TextField>
      <Button
        variant="outlined"
        color="inherit"
        startIcon={<DownloadIcon />}
        href={`data:text/csv;charset=utf-8,${encodeURIComponent(csvTemplate(kind))}`}
        download={`${kind}.csv`}
      >
        {t('import.template')}
      </Button>
    </FileImport>
  );
}

function Faults({ found }: { found: Imported }): JSX.Element {
  return (
    <Box data-testid="import-faults">
      <Alert severity="error" sx={{ mb: 1 }}>
        {t('import.faults', { n: found.faults.length, rows: found.rows })}
      </Alert>
      <Table
        label={t('import.faults_title')}
        rows={found.faults}
        rowKey={(fault) => `${fault.row} ${fault.field} ${fault.message}`}
        columns={[
          { head: t('column.row'), cell: (fault) => fault.row, align: 'right' },
          { head: t('column.field'), cell: (fault) => <code>{fault.field}</code> },
          { head: t('column.value'), cell: (fault) => fault.value },
          { head: t('column.why'), cell: (fault) => fault.message },
        ]}
      />
    </Box>
  );
}
