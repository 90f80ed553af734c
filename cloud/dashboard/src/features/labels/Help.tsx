/** What every key does. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import type { JSX } from 'react';
import { t, type MessageKey } from '../../i18n';

const KEYS: readonly (readonly [string, Extract<MessageKey, `label_key.${string}`>])[] = [
  ['Enter', 'label_key.save'],
  ['S', 'label_key.skip'],
  ['U · Ctrl Z', 'label_key.undo'],
  ['1 – 9', 'label_key.class'],
  ['0', 'label_key.nothing'],
  ['B', 'label_key.box'],
  ['[ ]', 'label_key.cycle'],
  ['← ↑ → ↓', 'label_key.move'],
  ['Shift ← ↑ → ↓', 'label_key.size'],
  ['Delete', 'label_key.remove'],
  ['+ −', 'label_key.zoom'],
  ['A', 'label_key.accept'],
  ['R', 'label_key.return'],
  ['X', 'label_key.reject'],
  ['J K', 'label_key.next'],
];

export function Help({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog open onClose={() => onClose()} aria-labelledby="label-keys">
      <DialogTitle id="label-keys">{t('labels.keys')}</DialogTitle>
      <DialogContent>
        <Box
          component="dl"
          sx={{ display: 'grid', gridTemplateColumns: 'auto 1fr', columnGap: 2, rowGap: 0.75, m: 0 }}
        >
          {KEYS.map(([key, label]) => (
            <Box key={label} sx={{ display: 'contents' }}>
              <Box component="dt" sx={{ fontWeight: 700, whiteSpace: 'nowrap' }}>
                {key}
              </Box>
              <Box component="dd" sx={{ m: 0 }}>
                {t(label)}
              </Box>
            </Box>
          ))}
        </Box>
      </DialogContent>
      <DialogActions>
        <Button onClick={() => onClose()}>{t('action.close')}</Button>
      </DialogActions>
    </Dialog>
  );
}
