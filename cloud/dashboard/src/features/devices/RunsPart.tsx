/** Wanted, told, verified and running of every box side by side; what differs first. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { MOST_BOXES } from '../../api/endpoints';
import type { Standing } from '../../api/types';
import { t, word } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { useNow } from '../../kit/clock';
import { csvText } from '../../kit/csv';
import { keepText } from '../../kit/file';
import { Table } from '../../kit/Table';
import { shortAgeText } from '../../kit/time';
import { BoxFilter, EVERY_BOX, hasText } from './BoxFilter';
import { DeviceDrawer } from './DeviceDrawer';
import { byVerdict, nameOf, secondsSince, shortHash, type Running } from './fleet';
import { useHealth, useStandings } from './fleetQueries';
import { VerdictMark } from './marks';

interface Props {
  site: string;
  timezone: string;
  skewMs: number;
}

export function RunsPart({ site, timezone, skewMs }: Props): JSX.Element {
  const [choice, setChoice] = useState(EVERY_BOX);
  const [shown, setShown] = useState<string | null>(null);
  const nowMs = useNow((now) => Math.floor((now.wallMs + skewMs) / 10_000) * 10_000);
  const where = choice.all ? null : site;
  const query = useStandings(where);
  const health = useHealth(where).data;
  const rows = byVerdict(query.data ?? []).filter(
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
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1.5 }}>
        {t('fleet.runs_text')}
      </Typography>
      <BoxFilter
        choice={choice}
        onChange={setChoice}
        badText={t('fleet.only_differing')}
        csvDisabled={rows.length === 0}
        onCsv={() => keepText('what-runs.csv', runsCsv(rows))}
      />
      <Answer
        query={query}
        empty={{
          when: (all) => all.length === 0,
          title: t('link.no_device'),
          text: t('link.no_device_text'),
        }}
      >
        {(all) => (
          <Card>
            <Table
              label={t('fleet.runs')}
              rows={rows}
              rowKey={({ device, standing }) => `${nameOf(device)} ${standing.kind}`}
              empty={choice.search === '' ? t('fleet.all_agree') : t('fleet.nothing_found')}
              columns={[
                {
                  head: t('fleet.box'),
                  cell: ({ device }) => (
                    <Button
                      variant="text"
                      onClick={() => setShown(nameOf(device))}
                      sx={{
                        px: 0.5,
                        ml: -0.5,
                        justifyContent: 'flex-start',
                        textAlign: 'left',
                        overflowWrap: 'anywhere',
                        whiteSpace: { sm: 'nowrap' },
                      }}
                    >
                      {nameOf(device)}
                    </Button>
                  ),
                },
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
                {
                  head: t('fleet.running'),
                  cell: ({ standing }) => <Runs standing={standing} nowMs={nowMs} />,
                },
              ]}
            />
            {all.length >= MOST_BOXES && (
              <Typography color="textSecondary">{t('fleet.cut', { n: MOST_BOXES })}</Typography>
            )}
          </Card>
        )}
      </Answer>
      {shown !== null && (
        <DeviceDrawer
          name={shown}
          health={health?.find((box) => nameOf(box) === shown)}
          standings={query.data?.find((device) => nameOf(device) === shown)?.items}
          timezone={timezone}
          nowMs={nowMs}
          onClose={() => setShown(null)}
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
