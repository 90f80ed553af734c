/** Who changed what, before and after, from where. Its hashes are checked, and the whole of it is kept, by a button. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useDeferredValue, useState, type JSX } from 'react';
import { download } from '../../api/client';
import { auditLog, checkAuditLog } from '../../api/endpoints';
import type { AuditEntry } from '../../api/types';
import { numberText, plain, t } from '../../i18n';
import { Card } from '../../kit/Card';
import { paged } from '../../kit/paged';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { momentText } from './words';

export function AuditLog({ timezone }: { timezone: string }): JSX.Element {
  const [who, setWho] = useState('');
  const [what, setWhat] = useState('');
  const actor = useDeferredValue(who.trim());
  const action = useDeferredValue(what.trim());
  const query = useInfiniteQuery(
    paged(['audit', actor, action], 60_000, (cursor, signal) =>
      auditLog({ ...(actor !== '' && { actor }), ...(action !== '' && { action }) }, cursor, signal),
    ),
  );
  const check = useMutation({ mutationFn: checkAuditLog });
  const keep = useMutation({
    mutationFn: (kind: string) => download(`/api/v1/audit/export.${kind}`, `audit.${kind}`),
  });
  const error = check.error ?? keep.error;
  return (
    <Card title={t('access.audit')}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, mb: 1.5, alignItems: 'center' }}>
        <TextField
          size="small"
          label={t('column.who')}
          value={who}
          onChange={(event) => setWho(event.target.value)}
        />
        <TextField
          size="small"
          label={t('access.action')}
          placeholder="changeUser"
          value={what}
          onChange={(event) => setWhat(event.target.value)}
        />
        <Button variant="outlined" color="inherit" disabled={check.isPending} onClick={() => check.mutate()}>
          {t('access.check')}
        </Button>
        {['csv', 'jsonl'].map((kind) => (
          <Button
            key={kind}
            variant="outlined"
            color="inherit"
            disabled={keep.isPending}
            onClick={() => keep.mutate(kind)}
          >
            {kind.toUpperCase()}
          </Button>
        ))}
      </Box>
      {check.data !== undefined && (
        <Alert severity={check.data.intact ? 'success' : 'error'} sx={{ mb: 1.5 }}>
          {check.data.intact
            ? t('access.intact', { n: numberText(check.data.entries) })
            : t('access.broken', { why: check.data.fault ?? '–' })}
        </Alert>
      )}
      {error !== null && <Alert severity="error">{error.message}</Alert>}
      <Pages query={query} empty={{ title: t('state.nothing') }}>
        {(rows, older) => (
          <>
            <Table
              label={t('access.audit')}
              rows={rows}
              rowKey={(each) => each.number}
              columns={[
                { head: t('column.when'), cell: (each) => momentText(each.recorded_at, timezone) },
                { head: t('column.who'), cell: (each) => each.actor },
                {
                  head: t('column.what'),
                  cell: (each) => `${each.action} · ${each.change} ${plain(each.subject)}`,
                },
                { head: t('access.changed'), cell: (each) => <Changed entry={each} /> },
                { head: t('access.address'), cell: (each) => each.address ?? '–' },
              ]}
            />
            {older}
          </>
        )}
      </Pages>
    </Card>
  );
}

/** Fields with their values before and after, as far as three lines have room. */
function Changed({ entry }: { entry: AuditEntry }): JSX.Element {
  const { before, after } = entry;
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return (
    <Box
      sx={{
        fontSize: '0.8125rem',
        minWidth: '16rem',
        overflowWrap: 'anywhere',
        display: '-webkit-box',
        WebkitBoxOrient: 'vertical',
        WebkitLineClamp: 3,
        overflow: 'hidden',
      }}
    >
      {names
        .filter((name) => before !== null || !isEmpty(after?.[name]))
        .map((name) => {
          const now = valueText(after?.[name]);
          return `${plain(name)}: ${before === null ? now : `${valueText(before[name])} → ${now}`}`;
        })
        .join(' · ')}
    </Box>
  );
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function valueText(value: unknown): string {
  if (value === undefined || value === null) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
