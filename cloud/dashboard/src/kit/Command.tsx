/** A command for a terminal: to be copied, or marked by hand. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState, type JSX } from 'react';
import { t } from '../i18n';

export function Command({ text }: { text: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    // Without a secure origin there is no clipboard; the text can still be marked by hand.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    void clipboard?.writeText(text).then(() => setCopied(true));
  };
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1 }}>
      <Box
        component="code"
        sx={{
          flex: '1 1 16rem',
          minWidth: 0,
          px: 1.25,
          py: 1,
          borderRadius: '0.375rem',
          bgcolor: 'raised',
          overflowWrap: 'anywhere',
          userSelect: 'all',
        }}
      >
        {text}
      </Box>
      <Button variant="outlined" color="inherit" onClick={copy}>
        {copied ? t('secret.copied') : t('secret.copy')}
      </Button>
    </Box>
  );
}
