/** Records that are not yet in the diary: nobody has to wonder whether they were saved. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { counted, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { QueueIcon } from '../../kit/icons';
import { discard, retry, send, useWaiting } from './outbox';

export function WaitingRecords({ site }: { site: string }): JSX.Element | null {
  const waiting = useWaiting().filter((item) => item.site === site);
  if (waiting.length === 0) return null;
  return (
    <Card>
      <Box data-testid="outbox" sx={{ display: 'flex', alignItems: 'center', gap: 1, mb: 1 }}>
        <QueueIcon />
        <Typography variant="h2" role="status" sx={{ flex: 1 }}>
          {counted('records.waiting', waiting.length)}
        </Typography>
        <Button variant="outlined" color="inherit" onClick={() => void send()}>
          {t('records.send')}
        </Button>
      </Box>
      <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0, display: 'grid', gap: 1 }}>
        {waiting.map((item) => (
          <Box
            component="li"
            key={item.id}
            data-testid="waiting-record"
            sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1 }}
          >
            <Box sx={{ flex: '1 1 14rem' }}>
              <Typography sx={{ fontWeight: 600 }}>{word('record', item.record.kind)}</Typography>
              <Typography variant="body2" color={item.refused === null ? 'textSecondary' : 'error'}>
                {item.refused === null ? t('records.kept_here') : t('records.refused', { why: item.refused })}
              </Typography>
            </Box>
            {item.refused !== null && (
              <>
                <Button color="inherit" onClick={() => void retry(item)}>
                  {t('action.retry')}
                </Button>
                <Button color="error" onClick={() => void discard(item.id)}>
                  {t('records.discard')}
                </Button>
              </>
            )}
          </Box>
        ))}
      </Box>
    </Card>
  );
}
