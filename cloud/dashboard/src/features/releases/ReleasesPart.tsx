/** What may be rolled out: every release with who has signed it, what waits for signatures, and when roles end. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { Release, ReleaseRegistry } from '../../api/types';
import { counted, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { CheckIcon, ClockIcon, CloseIcon } from '../../kit/icons';
import { sizeText } from '../../kit/size';
import { Note } from '../../kit/States';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useReleases } from './queries';
import { ReleaseDialog } from './ReleaseDialog';
import { RolesCard } from './RolesCard';
import { stateOf, type ReleaseState } from './rules';
import { SignatureMarks } from './SignatureMarks';
import { StagedCard } from './StagedCard';

interface Props {
  timezone: string;
  skewMs: number;
  onRollOut: (release: Release) => void;
}

export function ReleasesPart(props: Props): JSX.Element {
  return (
    <Box sx={gridSx}>
      <Typography variant="body2" color="textSecondary" sx={{ maxWidth: '48rem' }}>
        {t('releases.text')}
      </Typography>
      <Answer query={useReleases()}>{(registry) => <Releases registry={registry} {...props} />}</Answer>
    </Box>
  );
}

function Releases({
  registry,
  timezone,
  skewMs,
  onRollOut,
}: Props & { registry: ReleaseRegistry }): JSX.Element {
  const [shown, setShown] = useState<Release | null>(null);
  const { served, publisher, names, staged, roles, assigners } = registry;
  if (!served) return <Note title={t('releases.not_served')} text={t('releases.not_served_text')} />;
  return (
    <Box sx={gridSx}>
      {!publisher && names.length > 0 && (
        <Typography color="textSecondary">{t('releases.copy_only')}</Typography>
      )}
      {staged.map((change) => (
        <StagedCard key={change.role} change={change} />
      ))}
      {names.length === 0 && staged.length === 0 && (
        <Note title={t('releases.none')} text={t('releases.none_text')} />
      )}
      {names.map((name) => (
        <Card key={name.name} title={name.name}>
          {name.kind !== null && (
            <Typography variant="body2" color="textSecondary" sx={{ mt: -1, mb: 1 }}>
              {t(`releases.kind.${name.kind}`)}
            </Typography>
          )}
          <Table
            label={name.name}
            rows={name.releases}
            rowKey={(release) => release.release}
            empty={t('releases.nothing_released')}
            columns={[
              { head: t('releases.version'), cell: (release) => <b>{release.version}</b> },
              { head: t('releases.state'), cell: (release) => <StateMark state={stateOf(release)} /> },
              {
                head: t('releases.signatures'),
                cell: (release) => <SignatureMarks signatures={release.signatures} />,
              },
              {
                head: t('releases.made'),
                cell: (release) => farmDateTime(Date.parse(release.created_at), timezone),
              },
              { head: t('releases.size'), cell: (release) => sizeText(release.bytes), align: 'right' },
              {
                head: '',
                cell: (release) => (
                  <>
                    <Button
                      color="inherit"
                      aria-label={`${t('action.more')}: ${release.model} ${release.version}`}
                      onClick={() => setShown(release)}
                    >
                      {t('action.more')}
                    </Button>
                    {stateOf(release) === 'published' && (
                      <Button
                        aria-label={`${t('releases.roll_out')}: ${release.model} ${release.version}`}
                        onClick={() => onRollOut(release)}
                      >
                        {t('releases.roll_out')}
                      </Button>
                    )}
                  </>
                ),
              },
            ]}
          />
          {name.older > 0 && (
            <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
              {counted('releases.older', name.older)}
            </Typography>
          )}
        </Card>
      ))}
      {roles.length > 0 && (
        <RolesCard roles={roles} assigners={assigners} timezone={timezone} skewMs={skewMs} />
      )}
      {shown !== null && (
        <ReleaseDialog
          model={shown.model}
          version={shown.version}
          timezone={timezone}
          onClose={() => setShown(null)}
        />
      )}
    </Box>
  );
}

const MARKS = {
  published: [CheckIcon, 'live'],
  proposed: [ClockIcon, 'severity.minor'],
  below: [CloseIcon, 'text.secondary'],
} as const;

function StateMark({ state }: { state: ReleaseState }): JSX.Element {
  const [Icon, color] = MARKS[state];
  return (
    <Box
      component="span"
      sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.5, color, fontWeight: 650 }}
    >
      <Icon />
      {t(`releases.state_${state}`)}
    </Box>
  );
}

const gridSx = { display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' } as const;
