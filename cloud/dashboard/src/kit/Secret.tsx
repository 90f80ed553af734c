/** A secret that the server shows once: to be copied now, hidden from no one who looks, gone when it is closed. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState, type JSX } from 'react';
import { t } from '../i18n';

interface Props {
  title: string;
  text: string;
  onClose: () => void;
}

export function Secret({ title, text, onClose }: Props): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    // Without a secure origin there is no clipboard; the text can still be marked by hand.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    void clipboard?.writeText(text).then(() => setCopied(true));
  };
  return (
    <Alert
      severity="success"
      variant="outlined"
      sx={{ my: 1.5, '& .MuiAlert-message': { minWidth: 0, flex: 1 } }}
    >
      {title}
      <Box
        component="code"
        data-testid="secret"
        tabIndex={0}
        sx={{
          display: 'block',
          my: 1,
          p: 1,
          borderRadius: '0.375rem',
          bgcolor: 'raised',
          overflowWrap: 'anywhere',
          userSelect: 'all',
        }}
      >
        {text}
      </Box>
      <Box sx={{ display: 'flex', gap: 1 }}>
        <Button variant="outlined" color="inherit" onClick={copy}>
          {copied ? t('secret.copied') : t('secret.copy')}
        </Button>
        <Button color="inherit" onClick={onClose}>
          {t('action.close')}
        </Button>
      </Box>
    </Alert>
  );
}
