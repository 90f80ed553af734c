/** Words and marks for how a box is and what it runs: shapes and words, never a colour alone. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import { t } from '../../i18n';
import { CheckIcon, ClockIcon, MinusIcon, WarnIcon } from '../../kit/icons';
import type { Risk, Verdict } from './fleet';

export function Risks({ risks }: { risks: readonly Risk[] }): JSX.Element {
  if (risks.length === 0) {
    return (
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 0.5, color: 'text.secondary' }}>
        <CheckIcon />
        {t('fleet.nothing_wrong')}
      </Box>
    );
  }
  return (
    <Box component="ul" data-testid="risks" sx={{ m: 0, p: 0, listStyle: 'none', minWidth: { sm: '13rem' } }}>
      {risks.map(({ words, weight }) => (
        <Box
          component="li"
          key={words}
          sx={{
            display: 'flex',
            gap: 0.5,
            color: weight === 2 ? 'severity.major' : 'severity.minor',
            '& svg': { flex: 'none', mt: '0.15rem' },
          }}
        >
          <WarnIcon />
          <Box component="span" sx={{ color: 'text.primary' }}>
            {words}
          </Box>
        </Box>
      ))}
    </Box>
  );
}

const MARKS = {
  differs: [WarnIcon, 'severity.major'],
  not_known: [ClockIcon, 'severity.minor'],
  agrees: [CheckIcon, 'live'],
  not_wanted: [MinusIcon, 'text.secondary'],
} as const;

export function VerdictMark({ verdict }: { verdict: Verdict }): JSX.Element {
  const [Icon, color] = MARKS[verdict];
  return (
    <Box
      component="span"
      data-testid="verdict"
      data-verdict={verdict}
      sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.5, color, fontWeight: 650 }}
    >
      <Icon />
      {t(`fleet.${verdict}`)}
    </Box>
  );
}
