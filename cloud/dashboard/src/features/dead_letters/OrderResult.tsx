/** What came of an order: how many are stored now, and why others were refused again. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import type { DeadLetterOrder } from '../../api/types';
import { numberText, t } from '../../i18n';
import { useOrderProgress } from './queries';

const REASONS_SHOWN = 5;

export function OrderResult({
  order,
  onClose,
}: {
  order: DeadLetterOrder;
  onClose: () => void;
}): JSX.Element {
  const now = useOrderProgress(order).data ?? order;
  if (now.status !== 'done') {
    return <Alert severity="info">{t('letters.waiting', { n: numberText(now.letters) })}</Alert>;
  }
  return (
    <Alert severity={now.refused > 0 ? 'warning' : 'success'} onClose={onClose}>
      <Box data-testid="letter-result" sx={{ fontWeight: 650 }}>
        {now.action === 'discard'
          ? t('letters.discarded', { n: numberText(now.discarded) })
          : t('letters.result', { replayed: numberText(now.replayed), refused: numberText(now.refused) })}
      </Box>
      {now.refused_letters.slice(0, REASONS_SHOWN).map((one) => (
        <Box key={one.id} sx={{ overflowWrap: 'anywhere' }}>
          <code>{one.id.slice(0, 12)}</code> {one.why}
        </Box>
      ))}
      {now.left_out > 0 && <Box>{t('letters.left_out', { n: numberText(now.left_out) })}</Box>}
    </Alert>
  );
}
