/** Wanted, told, verified and running of every box side by side; what differs first. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Standing } from '../../api/types';
import { t, word } from '../../i18n';
import { csvText } from '../../kit/csv';
import { shortAgeText } from '../../kit/time';
import { hasText } from './BoxFilter';
import { BoxButton, BoxTable, useBoxView, type FleetProps } from './BoxTable';
import { DeviceDrawer } from './DeviceDrawer';
import { byVerdict, nameOf, secondsSince, shortHash, type Running } from './fleet';
import { useHealth, useStandings } from './fleetQueries';
import { VerdictMark } from './marks';

export function RunsPart({ site, timezone, skewMs }: FleetProps): JSX.Element {
  const view = useBoxView({ site, skewMs });
  const { choice, where, shown, show, nowMs } = view;
  const query = useStandings(where);
  const health = useHealth(where).data;
  const rows = byVerdict(query.data ?? [], nowMs).filter(
    ({ device, standing, verdict }) =>
      (!choice.bad || verdict === 'differs') &&
      hasText(
        choice.search,
        nameOf(device),
        standing.desired?.name,
        standing.running?.name,
        standing.reported?.reason,
        standing.desired?.sha256,
        standing.running?.sha256,
      ),
  );
  return (
    <>
      <BoxTable
        view={view}
        label={t('fleet.runs')}
        text={t('fleet.runs_text')}
        badText={t('fleet.only_differing')}
        wellText={t('fleet.none_differs')}
        query={query}
        rows={rows}
        rowKey={({ device, standing }) => `${nameOf(device)} ${standing.kind}`}
        columns={[
          { head: t('fleet.box'), cell: ({ device }) => <BoxButton name={nameOf(device)} onOpen={show} /> },
          { head: t('fleet.kind'), cell: ({ standing }) => t(`releases.kind.${standing.kind}`) },
          { head: t('fleet.verdict'), cell: ({ verdict }) => <VerdictMark verdict={verdict} /> },
          { head: t('fleet.desired'), cell: ({ standing }) => <Desired standing={standing} /> },
          {
            head: t('fleet.reported'),
            cell: ({ standing }) => <Reported standing={standing} nowMs={nowMs} />,
          },
          {
            head: t('fleet.verified'),
            cell: ({ standing }) => <code>{shortHash(standing.verified_sha256)}</code>,
          },
          { head: t('fleet.running'), cell: ({ standing }) => <Runs standing={standing} nowMs={nowMs} /> },
        ]}
        csv={{ name: 'what-runs.csv', text: () => runsCsv(rows) }}
      />
      {shown !== null && (
        <DeviceDrawer
          name={shown}
          health={health?.find((box) => nameOf(box) === shown)}
          device={query.data?.find((device) => nameOf(device) === shown)}
          timezone={timezone}
          nowMs={nowMs}
          onClose={() => show(null)}
        />
      )}
    </>
  );
}

function Desired({ standing: { desired } }: { standing: Standing }): JSX.Element {
  if (desired === null) return <>–</>;
  return (
    <>
      {`${desired.name} ${desired.version}`}
      <Typography variant="body2" color="textSecondary">
        <code>{shortHash(desired.sha256)}</code>
        {!desired.sent && `, ${t('fleet.not_sent')}`}
      </Typography>
    </>
  );
}

function Reported({ standing: { reported }, nowMs }: { standing: Standing; nowMs: number }): JSX.Element {
  if (reported === null) return <>–</>;
  const why =
    reported.waiting_for === '' ? reported.reason : t('fleet.waits_for', { what: reported.waiting_for });
  return (
    <Box sx={{ minWidth: { sm: '11rem' } }}>
      {word('deployment_state', reported.state)}
      <Typography variant="body2" color="textSecondary">
        {[why, t('age.ago', { age: shortAgeText(secondsSince(reported.at, nowMs)) })]
          .filter((each) => each !== '')
          .join(' · ')}
      </Typography>
    </Box>
  );
}

function Runs({ standing: { running }, nowMs }: { standing: Standing; nowMs: number }): JSX.Element {
  if (running === null) return <>–</>;
  return (
    <>
      {running.name}
      <Typography variant="body2" color="textSecondary">
        <code>{shortHash(running.sha256)}</code>
        {` · ${t('age.ago', { age: shortAgeText(secondsSince(running.at, nowMs)) })}`}
      </Typography>
    </>
  );
}

function runsCsv(rows: readonly Running[]): string {
  return csvText([
    [
      ...['device', 'kind', 'verdict', 'desired', 'desired_sha256', 'sent', 'state', 'why', 'reported_at'],
      ...['verified_sha256', 'committed_sha256', 'running', 'running_sha256', 'told_at'],
    ],
    ...rows.map(({ device, standing: { kind, desired, reported, running, ...hashes }, verdict }) => [
      nameOf(device),
      kind,
      verdict,
      desired === null ? '' : `${desired.name} ${desired.version}`,
      desired?.sha256 ?? '',
      desired === null ? '' : String(desired.sent),
      reported?.state ?? '',
      reported === null ? '' : reported.reason || reported.waiting_for,
      reported?.at ?? '',
      hashes.verified_sha256 ?? '',
      hashes.committed_sha256 ?? '',
      running?.name ?? '',
      running?.sha256 ?? '',
      running?.at ?? '',
    ]),
  ]);
}
