/** How many of how many have signed, and whose keys: a number, a shape and a word for each, never a colour alone. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import type { Signatures } from '../../api/types';
import { t } from '../../i18n';
import { visuallyHidden } from '../../kit/hidden';
import { CheckIcon, MinusIcon } from '../../kit/icons';

export function SignatureMarks({ signatures }: { signatures: Signatures }): JSX.Element {
  const { threshold, signed, missing, keys } = signatures;
  return (
    <Box data-testid="signatures" sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1 }}>
      <Box component="span" sx={{ fontWeight: 700, color: missing > 0 ? 'severity.minor' : 'live' }}>
        {t('releases.of', { signed, needed: threshold })}
      </Box>
      <Box
        component="ul"
        sx={{ m: 0, p: 0, display: 'flex', flexWrap: 'wrap', gap: 0.75, listStyle: 'none' }}
      >
        {keys.map((key) => (
          <Box component="li" key={key.keyid} title={key.keyid} sx={key.signed ? signedSx : unsignedSx}>
            {key.signed ? <CheckIcon /> : <MinusIcon />}
            <span aria-hidden="true">{key.name}</span>
            <Box component="span" sx={visuallyHidden}>
              {t(key.signed ? 'releases.signed_by' : 'releases.may_sign', { name: key.name })}
            </Box>
          </Box>
        ))}
      </Box>
    </Box>
  );
}

const keySx = {
  display: 'inline-flex',
  alignItems: 'center',
  gap: 0.5,
  px: 0.75,
  py: 0.25,
  border: '1px solid',
  borderRadius: '0.5rem',
  fontSize: '0.875rem',
  '& svg': { fontSize: '0.875rem' },
} as const;
const signedSx = { ...keySx, borderColor: 'live', fontWeight: 650 };
const unsignedSx = { ...keySx, borderStyle: 'dashed', borderColor: 'divider', color: 'text.secondary' };
