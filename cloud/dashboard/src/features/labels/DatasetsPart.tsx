/** Frozen data sets: what is in each, its hash, and the archive; managers freeze the next one here. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { download } from '../../api/client';
import type { DatasetVersion } from '../../api/labels';
import { numberText, t } from '../../i18n';
import { Card } from '../../kit/Card';
import { DownloadIcon } from '../../kit/icons';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useDatasets, useFreeze } from './queries';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export function DatasetsPart({ timezone, mayFreeze }: { timezone: string; mayFreeze: boolean }): JSX.Element {
  const query = useDatasets();
  const fetching = useMutation({
    mutationFn: (each: DatasetVersion) =>
      download(`/api/v1/datasets/${each.id}/archive.zip`, `${each.name}-${each.number}.zip`),
  });
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      {mayFreeze && <Freeze />}
      {fetching.isError && <Alert severity="error">{fetching.error.message}</Alert>}
      <Pages query={query} empty={{ title: t('labels.no_datasets'), text: t('labels.no_datasets_text') }}>
        {(rows, older) => (
          <Card>
            <Table
              label={t('labels.datasets')}
              rows={rows}
              rowKey={(each) => each.id}
              columns={[
                { head: t('labels.name'), cell: (each) => <b>{`${each.name} ${each.number}`}</b> },
                { head: t('labels.frames'), cell: (each) => numberText(each.images), align: 'right' },
                {
                  head: t('labels.boxes_head'),
                  cell: (each) => numberText(Number(each.counts['boxes'] ?? 0)),
                  align: 'right',
                },
                {
                  head: 'sha256',
                  cell: (each) => <code title={each.sha256}>{each.sha256.slice(0, 12)}…</code>,
                },
                {
                  head: t('column.when'),
                  cell: (each) => farmDateTime(Date.parse(each.created_at), timezone),
                },
                { head: t('column.who'), cell: (each) => each.created_by },
                {
                  head: t('labels.archive'),
                  cell: (each) => (
                    <Button
                      size="small"
                      startIcon={<DownloadIcon />}
                      disabled={fetching.isPending}
                      onClick={() => fetching.mutate(each)}
                    >
                      ZIP
                    </Button>
                  ),
                },
              ]}
            />
            {older}
          </Card>
        )}
      </Pages>
    </Box>
  );
}

function Freeze(): JSX.Element {
  const [name, setName] = useState('');
  const [note, setNote] = useState('');
  const freeze = useFreeze();
  const fits = NAME.test(name);
  return (
    <Card title={t('labels.freeze_title')}>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1.5 }}>
        {t('labels.freeze_text')}
      </Typography>
      <Box
        component="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (fits) freeze.mutate({ name, note: note.trim() });
        }}
        sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'flex-start' }}
      >
        <TextField
          label={t('labels.name')}
          value={name}
          size="small"
          error={name !== '' && !fits}
          helperText={t('labels.name_form')}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label={t('labels.note')}
          value={note}
          size="small"
          onChange={(event) => setNote(event.target.value)}
          sx={{ flex: '1 1 14rem' }}
        />
        <Button type="submit" variant="contained" disableElevation disabled={!fits || freeze.isPending}>
          {freeze.isPending ? t('state.sending') : t('labels.freeze')}
        </Button>
      </Box>
      {freeze.isError && (
        <Alert severity="error" sx={{ mt: 1.5 }}>
          {freeze.error.message}
        </Alert>
      )}
      {freeze.isSuccess && (
        <Alert severity="success" sx={{ mt: 1.5 }} data-testid="frozen">
          {t('labels.frozen', {
            name: `${freeze.data.name} ${freeze.data.number}`,
            n: freeze.data.images,
            hash: freeze.data.sha256.slice(0, 12),
          })}
        </Alert>
      )}
    </Card>
  );
}
