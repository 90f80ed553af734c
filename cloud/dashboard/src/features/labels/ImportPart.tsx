/** Labels from a file of another tool: checked first, with every fault by its place, and taken whole or not at all. */
import { useState, type JSX } from 'react';
import { ApiError } from '../../api/client';
import { importLabels, type LabelFormat } from '../../api/labels';
import { t } from '../../i18n';
import { FileImport, useFileImport } from '../../kit/FileImport';
import { SelectField, type Option } from '../../kit/SelectField';

const FORMATS: readonly Option<LabelFormat>[] = [
  ['coco', 'COCO'],
  ['label_studio', 'Label Studio'],
];

export function ImportPart(): JSX.Element {
  const [format, setFormat] = useState<LabelFormat>('coco');
  const importing = useFileImport((text, dryRun) => send(format, text, dryRun), ['labels']);
  const faults = importing.error instanceof ApiError ? importing.error.faults : [];
  return (
    <FileImport
      importing={importing}
      text={t('labels.import_text')}
      accept=".json,application/json"
      testId="labels"
      faults={faults}
      faultsTold={t('labels.import_faults', { n: faults.length })}
      faultColumns={[
        { head: t('labels.import_place'), cell: (fault) => <code>{fault.location}</code> },
        { head: t('column.why'), cell: (fault) => fault.message },
      ]}
      fine={({ labels, stored, known, closed }) =>
        t('labels.import_fine', { n: labels, fresh: stored, known, closed })
      }
      done={({ stored }) => t('labels.import_done', { n: stored })}
    >
      <SelectField
        label={t('labels.import_form')}
        value={format}
        options={FORMATS}
        onChange={(chosen) => {
          setFormat(chosen);
          importing.reset();
        }}
        sx={{ minWidth: '12rem' }}
      />
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
