/** A change that waits: for whose signatures, what they would sign, and how one signs. Keys are never in a browser. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { StagedChange } from '../../api/types';
import { counted, t } from '../../i18n';
import { Card } from '../../kit/Card';
import { Command } from '../../kit/Command';
import { ClockIcon, CheckIcon } from '../../kit/icons';
import { keysToSign, nameOfRole } from './rules';
import { SignatureMarks } from './SignatureMarks';

export function StagedCard({ change }: { change: StagedChange }): JSX.Element {
  const ready = change.missing === 0;
  const keys = keysToSign(change);
  return (
    <Card>
      <Box data-testid="staged" sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: 'minmax(0, 1fr)' }}>
        <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: 1.5, rowGap: 0.5 }}>
          <Typography variant="h2">{nameOfRole(change.role)}</Typography>
          <Box sx={{ ...stateSx, color: ready ? 'live' : 'severity.minor' }}>
            {ready ? <CheckIcon /> : <ClockIcon />}
            {ready ? t('releases.ready') : t('releases.waiting')}
          </Box>
        </Box>
        {change.needs.map((need, at) => (
          <Box key={at} sx={{ display: 'grid', gap: 0.5 }}>
            {change.needs.length > 1 && (
              <Typography variant="caption" color="textSecondary">
                {at === 0 ? t('releases.old_people') : t('releases.new_people')}
              </Typography>
            )}
            <SignatureMarks signatures={need} />
            {need.missing > 0 && (
              <Typography variant="body2" color="textSecondary">
                {counted('releases.missing', need.missing)}
              </Typography>
            )}
          </Box>
        ))}
        <Box>
          <Typography variant="caption" color="textSecondary">
            {t('releases.changes')}
          </Typography>
          <Box component="ul" sx={{ m: 0, pl: 2.5, fontSize: '0.9375rem', overflowWrap: 'anywhere' }}>
            {change.changes.map((words) => (
              <li key={words}>{words}</li>
            ))}
          </Box>
        </Box>
        <Typography variant="body2">
          {ready ? t('releases.how_to_publish') : t('releases.how_to_sign')}
        </Typography>
        {ready ? (
          <Command text="shoal fleet release publish --key keys/online.pub.json" />
        ) : (
          keys.map((name) => (
            <Command key={name} text={`shoal fleet release sign --key keys/${name}.pub.json`} />
          ))
        )}
      </Box>
    </Card>
  );
}

const stateSx = { display: 'inline-flex', alignItems: 'center', gap: 0.5, fontWeight: 650 } as const;
