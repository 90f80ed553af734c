/** Reports for authorities, customers and the folder: look first, then keep as PDF or CSV. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useMutation } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { download, fileText } from '../../api/client';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { csvRows } from '../../kit/csv';
import { DownloadIcon } from '../../kit/icons';
import { PageTitle } from '../../kit/PageTitle';
import { lastDays, PeriodChoice } from '../../kit/period';
import { SelectField } from '../../kit/SelectField';
import { FarmFrame } from '../farms/FarmFrame';
import { useBatches } from '../husbandry/queries';

const NAMES = [
  'daily-log',
  'weekly-lice',
  'production',
  'traceability',
  'water-compliance',
  'alarm-performance',
  'calibrations',
] as const;

/** Enough to see whether it is the right report; the file has all of it. */
const PREVIEW_ROWS = 200;

export default function ReportsPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {() => <Reports site={site} />}
    </FarmFrame>
  );
}

function Reports({ site }: { site: string }): JSX.Element {
  const [search, setSearch] = useSearchParams();
  const name = NAMES.find((each) => each === search.get('report')) ?? 'daily-log';
  const [days, setDays] = useState(7);
  const [batch, setBatch] = useState('');
  const batches = useBatches();
  const needsBatch = name === 'traceability';
  const path = (format: 'pdf' | 'csv'): string => {
    const query = new URLSearchParams({ ...lastDays(days), ...(needsBatch ? { batch } : {}) });
    return `/api/v1/sites/${site}/reports/${name}.${format}?${query.toString()}`;
  };
  const preview = useMutation({ mutationFn: () => fileText(path('csv')) });
  const keep = useMutation({
    mutationFn: (format: 'pdf' | 'csv') => download(path(format), `${site}-${name}.${format}`),
  });
  const ready = !needsBatch || batch !== '';
  const error = preview.error ?? keep.error;
  return (
    <>
      <PageTitle title={t('reports.title')} text={t('reports.text')} />
      <Card>
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'center' }}>
          <SelectField
            label={t('reports.which')}
            value={name}
            options={NAMES.map((each) => [each, t(`report.${each}`)])}
            onChange={(chosen) => {
              setSearch({ report: chosen }, { replace: true });
              preview.reset();
            }}
            sx={{ minWidth: '15rem' }}
          />
          {needsBatch && (
            <SelectField
              label={t('field.batch')}
              value={batch}
              options={(batches.data ?? []).map(({ code }) => [code, code])}
              onChange={setBatch}
              disabled={(batches.data ?? []).length === 0}
              sx={{ minWidth: '10rem' }}
            />
          )}
          <PeriodChoice days={days} choices={[1, 7, 30, 365]} onChange={setDays} />
          <Box sx={{ flex: 1 }} />
          <Button
            variant="outlined"
            color="inherit"
            disabled={!ready || preview.isPending}
            onClick={() => preview.mutate()}
          >
            {preview.isPending ? t('state.loading') : t('reports.preview')}
          </Button>
          {(['pdf', 'csv'] as const).map((format) => (
            <Button
              key={format}
              variant="contained"
              disableElevation
              startIcon={<DownloadIcon />}
              disabled={!ready || keep.isPending}
              onClick={() => keep.mutate(format)}
            >
              {format.toUpperCase()}
            </Button>
          ))}
        </Box>
        {needsBatch && (
          <Answer query={batches} empty={{ when: (all) => all.length === 0, title: t('records.no_batches') }}>
            {() => null}
          </Answer>
        )}
        {keep.isPending && (
          <Typography role="status" color="textSecondary" sx={{ mt: 1 }}>
            {t('reports.making')}
          </Typography>
        )}
        {error !== null && (
          <Alert severity="error" sx={{ mt: 1.5 }}>
            {error.message}
          </Alert>
        )}
      </Card>
      {preview.data !== undefined && <Preview text={preview.data} />}
    </>
  );
}

function Preview({ text }: { text: string }): JSX.Element {
  const rows = csvRows(text);
  return (
    <Box sx={{ mt: 2 }}>
      <Card title={t('reports.preview')}>
        <Box
          role="region"
          aria-label={t('reports.preview')}
          tabIndex={0}
          data-testid="report-preview"
          sx={{ overflow: 'auto', maxHeight: '70dvh', scrollbarWidth: 'thin' }}
        >
          <Box
            component="table"
            sx={{
              borderCollapse: 'collapse',
              fontSize: '0.875rem',
              '& td': { px: 1, py: 0.5, borderBottom: '1px solid', borderColor: 'divider', minWidth: '4rem' },
            }}
          >
            <tbody>
              {rows.slice(0, PREVIEW_ROWS).map((row, index) => (
                <tr key={index}>
                  {row.map((cell, column) => (
                    <td key={column}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </Box>
        </Box>
        {rows.length > PREVIEW_ROWS && (
          <Typography variant="caption" color="textSecondary">
            {t('reports.cut', { n: PREVIEW_ROWS, all: rows.length })}
          </Typography>
        )}
      </Card>
    </Box>
  );
}
