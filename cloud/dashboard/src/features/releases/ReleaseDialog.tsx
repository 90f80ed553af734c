/** One release: its card, its figures by slice, its settings or its packages, and who has signed it. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Typography from '@mui/material/Typography';
import { lazy, Suspense, type JSX, type ReactNode } from 'react';
import type { ReleaseDetail } from '../../api/types';
import { numberText, plain, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Facts, type Fact } from '../../kit/Facts';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { useRelease } from './queries';
import { SignatureMarks } from './SignatureMarks';
import { sizeText } from '../../kit/size';

const CardText = lazy(() => import('./CardText'));

interface Props {
  model: string;
  version: string;
  timezone: string;
  onClose: () => void;
}

export function ReleaseDialog({ model, version, timezone, onClose }: Props): JSX.Element {
  const query = useRelease(model, version);
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="md" aria-labelledby="release-title">
      <DialogTitle id="release-title">{`${model} ${version}`}</DialogTitle>
      <DialogContent
        // Scrolls by itself, so it must be reachable by keyboard.
        tabIndex={0}
        data-testid="release"
        sx={{ display: 'grid', gap: 2.5, gridTemplateColumns: 'minmax(0, 1fr)' }}
      >
        <Answer query={query}>{(release) => <Detail release={release} timezone={timezone} />}</Answer>
      </DialogContent>
      <DialogActions sx={{ p: 2, pt: 1 }}>
        <Button color="inherit" autoFocus onClick={onClose}>
          {t('action.close')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function Detail({ release, timezone }: { release: ReleaseDetail; timezone: string }): JSX.Element {
  const { data, slices, figures, packages } = release;
  return (
    <>
      <SignatureMarks signatures={release.signatures} />
      <Facts facts={factsOf(release, timezone)} />
      <Hash text={release.sha256} />
      {Object.keys(slices).length > 0 && (
        <Section title={t('releases.figures')}>
          <Figures slices={slices} />
        </Section>
      )}
      {Object.keys(figures).length > 0 && (
        <Facts facts={Object.entries(figures).map(([name, value]) => [plain(name), numberText(value)])} />
      )}
      {data.length > 0 && (
        <Section title={t('releases.data')}>
          <Table
            label={t('releases.data')}
            rows={data}
            rowKey={(source) => source.name}
            columns={[
              { head: t('releases.data_name'), cell: (source) => source.name },
              { head: t('releases.images'), cell: (source) => numberText(source.images), align: 'right' },
              { head: t('releases.licence'), cell: (source) => source.licence },
            ]}
          />
        </Section>
      )}
      {release.settings !== null && (
        <Folded title={t('releases.settings')} open>
          <Plain text={release.settings} />
        </Folded>
      )}
      {Object.keys(packages).length > 0 && (
        <Section title={t('releases.packages')}>
          <Table
            label={t('releases.packages')}
            rows={Object.entries(packages)}
            rowKey={([name]) => name}
            columns={[
              { head: t('releases.package'), cell: ([name]) => name },
              { head: t('releases.version'), cell: ([, version]) => version },
            ]}
          />
        </Section>
      )}
      {release.card !== null && (
        <Folded title={t('releases.card')}>
          <Suspense fallback={<Plain text={release.card} />}>
            <CardText text={release.card} />
          </Suspense>
        </Folded>
      )}
    </>
  );
}

function factsOf(release: ReleaseDetail, timezone: string): Fact[] {
  const { requires, labels } = release;
  const needs = [
    ...(requires.agent == null ? [] : [t('releases.needs_agent', { version: requires.agent })]),
    ...(requires.memory_mb == null ? [] : [t('releases.needs_memory', { mb: requires.memory_mb })]),
    ...requires.machines,
  ];
  return [
    [t('releases.state'), t(`releases.state_${release.runnable ? release.state : 'below'}`)],
    [t('releases.made'), farmDateTime(Date.parse(release.created_at), timezone)],
    [t('releases.size'), sizeText(release.bytes)],
    ...(needs.length === 0 ? [] : [[t('releases.needs'), needs.join(', ')] as const]),
    ...(labels.length === 0 ? [] : [[t('releases.labels'), labels.join(', ')] as const]),
    ...(release.licence === null ? [] : [[t('releases.licence'), release.licence] as const]),
  ];
}

/** Slices below one another, figures beside one another: what a model does in water that it never saw stands beside the rest. */
function Figures({ slices }: { slices: ReleaseDetail['slices'] }): JSX.Element {
  const names = [...new Set(Object.values(slices).flatMap((of) => Object.keys(of)))];
  return (
    <Table
      label={t('releases.figures')}
      rows={Object.entries(slices)}
      rowKey={([slice]) => slice}
      columns={[
        { head: t('releases.slice'), cell: ([slice]) => plain(slice) },
        ...names.map((name) => ({
          head: plain(name),
          cell: ([, of]: [string, Record<string, number>]) => {
            const value = of[name];
            return value === undefined ? '–' : numberText(value, 3);
          },
          align: 'right' as const,
        })),
      ]}
    />
  );
}

function Hash({ text }: { text: string }): JSX.Element {
  return (
    <div>
      <Typography variant="caption" color="textSecondary">
        {t('releases.hash')}
      </Typography>
      <Box component="code" sx={{ display: 'block', overflowWrap: 'anywhere' }}>
        {text}
      </Box>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }): JSX.Element {
  return (
    <Box component="section" aria-label={title}>
      <Typography variant="h3" sx={{ mb: 1 }}>
        {title}
      </Typography>
      {children}
    </Box>
  );
}

interface FoldedProps {
  title: string;
  open?: boolean;
  children: ReactNode;
}

function Folded({ title, open = false, children }: FoldedProps): JSX.Element {
  return (
    <details open={open}>
      <Box component="summary" sx={{ cursor: 'pointer', fontWeight: 650, minHeight: '1.75rem' }}>
        {title}
      </Box>
      {children}
    </details>
  );
}

function Plain({ text }: { text: string }): JSX.Element {
  return (
    <Box
      component="pre"
      sx={{ m: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontSize: '0.8125rem' }}
    >
      {text}
    </Box>
  );
}
