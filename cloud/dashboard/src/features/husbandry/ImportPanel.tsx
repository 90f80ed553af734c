/** Many records from a file: checked first, with every fault by its row, and taken whole or not at all. */
import Button from '@mui/material/Button';
import { useState, type JSX } from 'react';
import { importRecords } from '../../api/endpoints';
import { t } from '../../i18n';
import { FileImport, useFileImport } from '../../kit/FileImport';
import { DownloadIcon } from '../../kit/icons';
import { SelectField } from '../../kit/SelectField';
import { csvTemplate, FORMS, type FormKind } from './forms';

const KINDS = Object.keys(FORMS) as FormKind[];

export function ImportPanel({ site }: { site: string }): JSX.Element {
  const [kind, setKind] = useState<FormKind>('mortality');
  const importing = useFileImport((text, dryRun) => importRecords(site, kind, text, dryRun), ['husbandry']);
  const { rows = 0, faults = [] } = importing.check.data ?? {};
  return (
    <FileImport
      importing={importing}
      text={t('import.text')}
      accept=".csv,text/csv"
      testId="import"
      faults={faults}
      faultsTold={t('import.faults', { n: faults.length, rows })}
      faultColumns={[
        { head: t('column.row'), cell: (fault) => fault.row, align: 'right' },
        { head: t('column.field'), cell: (fault) => <code>{fault.field}</code> },
        { head: t('column.value'), cell: (fault) => fault.value },
        { head: t('column.why'), cell: (fault) => fault.message },
      ]}
      fine={(checked) => t('import.fine', { rows: checked.rows, repeated: checked.repeated })}
      done={({ recorded, repeated }) => t('import.done', { recorded, repeated })}
    >
      <SelectField
        label={t('import.kind')}
        value={kind}
        options={KINDS.map((each) => [each, t(`record.${each}`)])}
        onChange={(chosen) => {
          setKind(chosen);
          importing.reset();
        }}
        sx={{ minWidth: '14rem' }}
      />
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
