/** The farm's diary: write a record, read what was written, follow batches, and take in files. Writing works without the server. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type JSX } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { addBatch, strikeRecord } from '../../api/endpoints';
import type { Recorded, RecordKind, SiteLatest } from '../../api/types';
import { numberText, t, word } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { AskForm } from '../../kit/AskForm';
import { Card } from '../../kit/Card';
import { PageTitle } from '../../kit/PageTitle';
import { SelectField } from '../../kit/SelectField';
import { Note } from '../../kit/States';
import { Table } from '../../kit/Table';
import { Tabs } from '../../kit/Tabs';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { FarmFrame } from '../farms/FarmFrame';
import { SPECIES, speciesText } from '../farms/words';
import { FORMS, type FormKind } from './forms';
import { ImportPanel } from './ImportPanel';
import { useKnownFarm, type KnownFarm } from './known';
import { useWaiting } from './outbox';
import { useBatches, useHoldings, useLice, useRecords, useWithdrawals } from './queries';
import { FormTitle, RecordForm } from './RecordForm';
import { WaitingRecords } from './WaitingRecords';
import { placeOf, recordLine } from './words';

const KINDS = Object.keys(FORMS) as FormKind[];
const ALL_KINDS: readonly RecordKind[] = [...KINDS, 'cull', 'escape', 'adjustment', 'calibration'];

export default function RecordsPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false} unheard={<Records site={site} latest={undefined} />}>
      {({ snapshot }) => <Records site={site} latest={snapshot.latest} />}
    </FarmFrame>
  );
}

function Records({ site, latest }: { site: string; latest: SiteLatest | undefined }): JSX.Element {
  const client = useQueryClient();
  const stock = useHoldings(site);
  const farm = useKnownFarm(site, latest, stock.data);
  const [search, setSearch] = useSearchParams();
  const mayWrite = useMay('operator');
  const waiting = useWaiting().length;
  // What has just left the box is in the diary now.
  useEffect(() => void client.invalidateQueries({ queryKey: ['husbandry'] }), [client, waiting]);
  const wanted = search.get('write');
  const kind = KINDS.find((each) => each === wanted);
  const timezone = farm?.timezone ?? 'UTC';
  if (kind !== undefined && mayWrite && farm !== null) {
    return (
      <>
        <FormTitle kind={kind} />
        <RecordForm
          key={kind}
          site={site}
          kind={kind}
          farm={farm}
          unit={search.get('unit') ?? undefined}
          onDone={() => setSearch({}, { replace: true })}
        />
      </>
    );
  }
  return (
    // A column that its widest row may not stretch: the diary scrolls, the page does not.
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <PageTitle title={t('records.title')} text={t('records.text')} />
      <WaitingRecords site={site} />
      {mayWrite && farm === null && <Note title={t('records.never_heard')} />}
      {mayWrite && farm !== null && (
        <Box
          component="nav"
          aria-label={t('records.write')}
          sx={{ display: 'grid', gap: 1, gridTemplateColumns: 'repeat(auto-fill, minmax(9.5rem, 1fr))' }}
        >
          {KINDS.map((each) => (
            <Button
              key={each}
              variant="outlined"
              color="inherit"
              onClick={() => setSearch({ write: each })}
              sx={{ minHeight: '4rem', borderColor: 'divider', bgcolor: 'background.paper' }}
            >
              {t(`record.${each}`)}
            </Button>
          ))}
        </Box>
      )}
      <Tabs
        label={t('records.title')}
        parts={[
          {
            key: 'diary',
            label: t('records.diary'),
            content: () => <Diary site={site} timezone={timezone} units={farm?.units ?? []} />,
          },
          {
            key: 'batches',
            label: t('records.batches'),
            content: () => <Batches site={site} units={farm?.units ?? []} />,
          },
          {
            key: 'health',
            label: t('records.health'),
            content: () => <Health site={site} timezone={timezone} units={farm?.units ?? []} />,
          },
          ...(mayWrite
            ? [{ key: 'import', label: t('records.import'), content: () => <ImportPanel site={site} /> }]
            : []),
        ]}
      />
    </Box>
  );
}

type Units = KnownFarm['units'];

function nameOf(slug: string, units: Units): string {
  return units.find((unit) => unit.slug === slug)?.name ?? slug;
}

interface PartProps {
  site: string;
  timezone: string;
  units: Units;
}

function Diary({ site, timezone, units }: PartProps): JSX.Element {
  const [kind, setKind] = useState<RecordKind | null>(null);
  const query = useRecords(site, kind);
  return (
    <>
      <SelectField<RecordKind | ''>
        label={t('records.kind')}
        value={kind ?? ''}
        options={[['', t('records.all')], ...ALL_KINDS.map((each) => [each, word('record', each)] as const)]}
        onChange={(chosen) => setKind(chosen || null)}
        sx={{ mb: 1.5, minWidth: '14rem' }}
      />
      <Answer query={query} empty={{ when: (page) => page.items.length === 0, title: t('records.none') }}>
        {(page) => (
          <Table
            label={t('records.diary')}
            rows={page.items}
            rowKey={(each) => each.record.id}
            columns={[
              {
                head: t('column.when'),
                cell: (each) => farmDateTime(Date.parse(each.record.occurred_at), timezone),
              },
              {
                head: t('column.unit'),
                cell: (each) => <Box sx={{ minWidth: '4rem' }}>{placeOf(each.record, units)}</Box>,
              },
              {
                head: t('column.what'),
                cell: (each) => (
                  <Box
                    sx={{
                      // On a phone the table scrolls rather than breaking every word of it.
                      minWidth: '13rem',
                      ...((each.struck_at ?? null) !== null && {
                        textDecoration: 'line-through',
                        color: 'stale',
                      }),
                    }}
                  >
                    <b>{word('record', each.record.kind)}</b> {recordLine(each.record, timezone)}
                  </Box>
                ),
              },
              { head: t('column.who'), cell: (each) => each.recorded_by },
              { head: '', cell: (each) => <StrikeButton recorded={each} /> },
            ]}
          />
        )}
      </Answer>
    </>
  );
}

/** A wrong record is struck out with a reason; it stays readable. */
function StrikeButton({ recorded }: { recorded: Recorded }): JSX.Element | null {
  const client = useQueryClient();
  const mayStrike = useMay('operator');
  const [reason, setReason] = useState<string | null>(null);
  const strike = useMutation({
    mutationFn: (why: string) => strikeRecord(recorded.record.id, why),
    onSuccess: () => client.invalidateQueries({ queryKey: ['husbandry'] }),
  });
  if (recorded.struck_at !== null && recorded.struck_at !== undefined) {
    return <Typography variant="caption">{recorded.struck_because}</Typography>;
  }
  if (!mayStrike) return null;
  if (reason === null) {
    return (
      <Button color="inherit" onClick={() => setReason('')} sx={{ color: 'text.secondary' }}>
        {t('records.strike')}
      </Button>
    );
  }
  return (
    <Box
      component="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.trim() !== '') strike.mutate(reason.trim());
      }}
      sx={{ display: 'flex', gap: 1, minWidth: '16rem' }}
    >
      <TextField
        label={t('shelve.reason')}
        autoFocus
        size="small"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        error={strike.isError}
        helperText={strike.error?.message}
      />
      <Button type="submit" color="error" disabled={strike.isPending}>
        {t('records.strike')}
      </Button>
    </Box>
  );
}

function Batches({ site, units }: { site: string; units: Units }): JSX.Element {
  const batches = useBatches();
  const stock = useHoldings(site);
  const mayWrite = useMay('farm_manager');
  const kg = (value: number | null): string => (value === null ? '–' : numberText(value, 0));
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Card title={t('records.stock')}>
        <Answer query={stock} empty={{ when: (all) => all.length === 0, title: t('records.no_stock') }}>
          {(all) => (
            <Table
              label={t('records.stock')}
              rows={all}
              rowKey={(each) => `${each.unit} ${each.batch}`}
              columns={[
                { head: t('column.unit'), cell: (each) => nameOf(each.unit, units) },
                { head: t('field.batch'), cell: (each) => each.batch },
                { head: t('field.fish'), cell: (each) => numberText(each.count), align: 'right' },
                {
                  head: `${t('field.mean_weight_g')} (g)`,
                  cell: (each) => kg(each.mean_weight_g),
                  align: 'right',
                },
                { head: t('column.biomass'), cell: (each) => kg(each.biomass_kg), align: 'right' },
                {
                  head: t('column.density'),
                  cell: (each) => (each.density_kg_m3 === null ? '–' : numberText(each.density_kg_m3, 1)),
                  align: 'right',
                },
              ]}
            />
          )}
        </Answer>
      </Card>
      <Card title={t('records.batches')}>
        <Answer query={batches} empty={{ when: (all) => all.length === 0, title: t('records.no_batches') }}>
          {(all) => (
            <Table
              label={t('records.batches')}
              rows={all}
              rowKey={(each) => each.id}
              columns={[
                { head: t('field.batch'), cell: (each) => <b>{each.code}</b> },
                { head: t('column.species'), cell: (each) => speciesText(each.species) ?? '–' },
                { head: t('column.origin'), cell: (each) => each.origin || '–' },
                { head: t('record.stocking'), cell: (each) => numberText(each.stocked), align: 'right' },
                { head: t('column.dead'), cell: (each) => numberText(each.dead), align: 'right' },
                { head: t('record.harvest'), cell: (each) => numberText(each.harvested), align: 'right' },
                { head: t('column.present'), cell: (each) => numberText(each.present), align: 'right' },
              ]}
            />
          )}
        </Answer>
        {mayWrite && <NewBatchForm />}
      </Card>
    </Box>
  );
}

/** A batch is begun before its fish are stocked: one species of one origin, followed as long as it lives. */
function NewBatchForm(): JSX.Element {
  const client = useQueryClient();
  const [code, setCode] = useState('');
  const [species, setSpecies] = useState<string>('salmo_salar');
  const [origin, setOrigin] = useState('');
  const add = useMutation({
    mutationFn: () => addBatch({ code: code.trim(), species, origin: origin.trim() }),
    onSuccess: async () => {
      setCode('');
      await client.invalidateQueries({ queryKey: ['husbandry'] });
    },
  });
  return (
    <AskForm
      action={t('records.begin_batch')}
      disabled={add.isPending}
      error={add.error}
      onSubmit={() => add.mutate()}
    >
      <TextField
        label={t('field.batch')}
        required
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <SelectField
        label={t('column.species')}
        value={species}
        options={SPECIES.map((each) => [each, speciesText(each)])}
        onChange={setSpecies}
      />
      <TextField
        label={t('column.origin')}
        value={origin}
        onChange={(event) => setOrigin(event.target.value)}
      />
    </AskForm>
  );
}

function Health({ site, timezone, units }: PartProps): JSX.Element {
  const lice = useLice(site);
  const running = useWithdrawals(site);
  return (
    <Box sx={{ display: 'grid', gap: 2 }}>
      <Card title={t('records.withdrawals')}>
        <Answer query={running}>
          {(all) =>
            all.length === 0 ? (
              <Alert severity="success">{t('records.no_withdrawals')}</Alert>
            ) : (
              <Table
                label={t('records.withdrawals')}
                rows={all}
                rowKey={(each) => each.treatment}
                columns={[
                  { head: t('field.product'), cell: (each) => each.product },
                  {
                    head: t('column.unit'),
                    cell: (each) => each.holds.map((slug) => nameOf(slug, units)).join(', '),
                  },
                  {
                    head: t('records.degree_days'),
                    cell: (each) =>
                      `${numberText(each.degree_days, 0)} / ${numberText(each.needed_degree_days, 0)} K·d`,
                  },
                  { head: t('records.clears'), cell: (each) => each.clears_on ?? '–' },
                ]}
              />
            )
          }
        </Answer>
      </Card>
      <Card title={t('record.lice_count')}>
        <Answer query={lice} empty={{ when: (all) => all.length === 0, title: t('records.no_lice') }}>
          {(all) => (
            <Table
              label={t('record.lice_count')}
              rows={all}
              rowKey={(each) => each.record}
              columns={[
                { head: t('column.unit'), cell: (each) => nameOf(each.unit, units) },
                {
                  head: t('column.when'),
                  cell: (each) => farmDateTime(Date.parse(each.occurred_at), timezone),
                },
                { head: t('field.fish'), cell: (each) => numberText(each.fish), align: 'right' },
                {
                  head: t('records.per_fish'),
                  cell: (each) =>
                    `${numberText(each.adult_females, 2)} (${numberText(each.low, 2)}–${numberText(each.high, 2)})`,
                  align: 'right',
                },
                {
                  head: t('limits.title'),
                  cell: (each) =>
                    each.limit === null
                      ? t('records.no_limit')
                      : `${numberText(each.limit, 1)} · ${each.limit_source ?? ''}`,
                },
                { head: t('column.verdict'), cell: (each) => word('verdict', each.verdict ?? 'unknown') },
              ]}
            />
          )}
        </Answer>
      </Card>
    </Box>
  );
}
