/** Source of a limit, its evidence tag in words on request, and the mark where a fish-health person must confirm it. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import { t, word } from '../../i18n';
import { evidenceOf } from './evidence';

export function LimitSource({ source }: { source: string | null | undefined }): JSX.Element {
  const evidence = evidenceOf(source);
  if (evidence === null) return <>{t('limits.no_source')}</>;
  return (
    <span data-testid="limit-source">
      {evidence.source}
      {evidence.tags.length > 0 && (
        <Box
          component="abbr"
          title={evidence.tags.map((tag) => word('evidence', tag, tag)).join(', ')}
          sx={{ ml: 0.5, color: 'text.secondary', textDecorationStyle: 'dotted' }}
        >
          [{evidence.tags.join('/')}]
        </Box>
      )}
      {evidence.toConfirm && (
        <Box
          component="strong"
          data-testid="to-confirm"
          title={t('limits.confirm_text')}
          sx={{
            ml: 1,
            px: 0.75,
            py: 0.125,
            whiteSpace: 'nowrap',
            fontSize: '0.8125rem',
            fontWeight: 650,
            border: '1px dashed currentColor',
            borderRadius: '0.375rem',
          }}
        >
          ? {t('limits.confirm')}
        </Box>
      )}
    </span>
  );
}
