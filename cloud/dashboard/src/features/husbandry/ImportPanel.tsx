/** Many records from a file: checked first, with every fault by its row, and taken whole or not at all. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { importRecords } from '../../api/endpoints';
import type { Imported } from '../../api/types';
import { t } from '../../i18n';
import { DownloadIcon, UploadIcon } from '../../kit/icons';
import { Table } from '../../kit/Table';
import { csvTemplate, FORMS, type FormKind } from './forms';

const KINDS = Object.keys(FORMS) as FormKind[];

export function ImportPanel({ site }: { site: string }): JSX.Element {
  const client = useQueryClient();
  const [kind, setKind] = useState<FormKind>('mortality');
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const check = useMutation({ mutationFn: (text: string) => importRecords(site, kind, text, true) });
  const take = useMutation({
    mutationFn: (text: string) => importRecords(site, kind, text, false),
    onSuccess: () => client.invalidateQueries({ queryKey: ['husbandry'] }),
  });
  const choose = async (chosen: File | undefined): Promise<void> => {
    if (chosen === undefined) return;
    const text = await chosen.text();
    setFile({ name: chosen.name, text });
    take.reset();
    check.mutate(text);
  };
  const checked = check.data;
  return (
    <Box sx={{ display: 'grid', gap: 2, maxWidth: '60rem' }}>
      <Typography color="textSecondary">{t('import.text')}</Typography>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'center' }}>
        <TextField
          select
          label={t('import.kind')}
          value={kind}
          onChange={(event) => {
            setKind(event.target.value as FormKind);
            setFile(null);
            check.reset();
            take.reset();
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
        <Button variant="contained" disableElevation component="label" startIcon={<UploadIcon />}>
          {t('import.choose')}
          <input
            type="file"
            accept=".csv,text/csv"
            data-testid="import-file"
            // Chosen again after a change, the same file must count as a choice.
            onClick={(event) => (event.currentTarget.value = '')}
            onChange={(event) => void choose(event.target.files?.[0])}
            style={{ position: 'absolute', width: 1, height: 1, opacity: 0 }}
          />
        </Button>
      </Box>
      {file !== null && <Typography>{file.name}</Typography>}
      {check.isPending && <Typography role="status">{t('import.checking')}</Typography>}
      {(check.error ?? take.error) !== null && (
        <Alert severity="error">{(check.error ?? take.error)?.message}</Alert>
      )}
      {checked !== undefined && checked.faults.length > 0 && <Faults found={checked} />}
      {checked?.faults.length === 0 && take.data === undefined && file !== null && (
        <Alert
          severity="info"
          action={
            <Button color="inherit" disabled={take.isPending} onClick={() => take.mutate(file.text)}>
              {t('import.take')}
            </Button>
          }
        >
          {t('import.fine', { rows: checked.rows, repeated: checked.repeated })}
        </Alert>
      )}
      {take.data !== undefined && (
        <Alert severity="success">
          {t('import.done', { recorded: take.data.recorded, repeated: take.data.repeated })}
        </Alert>
      )}
    </Box>
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
