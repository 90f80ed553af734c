/** What holds on a farm: limits and where they come from, calibrations, who is called, and this screen's own choices. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useQueries } from '@tanstack/react-query';
import { use, type JSX } from 'react';
import { useParams } from 'react-router';
import { calibrations } from '../../api/endpoints';
import type { LatestReading, UnitLatest } from '../../api/types';
import { LANGUAGES, setLanguage, t, type Language } from '../../i18n';
import { useLanguage } from '../../i18n/useLanguage';
import { Card } from '../../kit/Card';
import { MoonIcon, SilentIcon, SoundIcon } from '../../kit/icons';
import { ModeContext } from '../../kit/ModeContext';
import { PageTitle } from '../../kit/PageTitle';
import { SelectField } from '../../kit/SelectField';
import { Note } from '../../kit/States';
import { Table } from '../../kit/Table';
import { Tabs } from '../../kit/Tabs';
import { farmDateTime } from '../../kit/time';
import { severityText } from '../alarms/order';
import { SeverityMark } from '../alarms/SeverityMark';
import { setSoundWanted, useSoundWanted } from '../alarms/sound';
import { useMay } from '../auth/useMay';
import { Access } from '../access/Access';
import { FarmFrame } from '../farms/FarmFrame';
import { OnCall } from '../notifications/OnCall';
import { LimitSource } from '../telemetry/LimitSource';
import { measureText, quantityText } from '../telemetry/units';

export default function SettingsPage(): JSX.Element {
  const { site = '' } = useParams();
  const manager = useMay('farm_manager');
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => (
        <>
          <PageTitle title={t('settings.title')} />
          <Tabs
            label={t('settings.title')}
            parts={[
              {
                key: 'limits',
                label: t('limits.title'),
                content: () => <LimitTable units={snapshot.latest.units} />,
              },
              {
                key: 'calibrations',
                label: t('settings.calibrations'),
                content: () => (
                  <Calibrations units={snapshot.latest.units} timezone={snapshot.latest.site.timezone} />
                ),
              },
              {
                key: 'on-call',
                label: t('settings.on_call'),
                content: () => <OnCall site={site} timezone={snapshot.latest.site.timezone} />,
              },
              ...(manager
                ? [
                    {
                      key: 'access',
                      label: t('settings.access'),
                      content: () => <Access timezone={snapshot.latest.site.timezone} />,
                    },
                  ]
                : []),
              { key: 'screen', label: t('settings.screen'), content: () => <Screen /> },
            ]}
          />
        </>
      )}
    </FarmFrame>
  );
}

interface LimitRow {
  readonly unit: string;
  readonly reading: LatestReading;
  readonly limit: LatestReading['limits'][number];
}

/** Limits as the boxes have them in force, each with its source as the box tells it. */
function LimitTable({ units }: { units: readonly UnitLatest[] }): JSX.Element {
  const rows: LimitRow[] = units.flatMap(({ unit, readings }) =>
    readings.flatMap((reading) => reading.limits.map((limit) => ({ unit: unit.name, reading, limit }))),
  );
  if (rows.length === 0) return <Note title={t('settings.no_limits')} />;
  return (
    <Card>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1 }}>
        {t('settings.limits_text')}
      </Typography>
      <Table
        label={t('limits.title')}
        rows={rows}
        rowKey={({ reading, limit }) => `${reading.channel_id} ${limit.definition}`}
        columns={[
          { head: t('column.unit'), cell: ({ unit }) => unit },
          { head: t('column.what'), cell: ({ reading }) => quantityText(reading.quantity, reading.label) },
          {
            head: t('column.severity'),
            cell: ({ limit }) => (
              <Box sx={{ display: 'flex', gap: 1, alignItems: 'center' }}>
                <SeverityMark severity={limit.severity} silent />
                {severityText(limit.severity)}
              </Box>
            ),
          },
          {
            head: t('limits.title'),
            cell: ({ reading, limit }) => (
              <Box sx={{ whiteSpace: 'nowrap' }}>
                {limit.side === 'low' ? '<' : '>'} {measureText(limit.value, reading.ucum)}
              </Box>
            ),
          },
          {
            head: t('settings.source'),
            cell: ({ limit }) => <LimitSource source={limit.source} />,
          },
        ]}
      />
    </Card>
  );
}

function Calibrations({ units, timezone }: { units: readonly UnitLatest[]; timezone: string }): JSX.Element {
  const measured = units.flatMap(({ unit, readings }) =>
    readings.filter((reading) => !reading.derived).map((reading) => ({ unit: unit.name, reading })),
  );
  const found = useQueries({
    queries: measured.map(({ reading }) => ({
      queryKey: ['calibrations', reading.channel_id],
      queryFn: ({ signal }: { signal: AbortSignal }) => calibrations(reading.channel_id, signal),
      staleTime: 300_000,
    })),
  });
  if (measured.length === 0) return <Note title={t('water.none')} />;
  return (
    <Card>
      <Table
        label={t('settings.calibrations')}
        rows={measured.map((each, index) => ({ ...each, query: found[index] }))}
        rowKey={({ reading }) => reading.channel_id}
        columns={[
          { head: t('column.unit'), cell: ({ unit }) => unit },
          { head: t('column.what'), cell: ({ reading }) => quantityText(reading.quantity, reading.label) },
          { head: t('devices.channel'), cell: ({ reading }) => <code>{reading.channel}</code> },
          {
            head: t('settings.calibration_now'),
            cell: ({ reading }) => reading.calibration ?? t('settings.no_calibration'),
          },
          {
            head: t('settings.since'),
            cell: ({ query }) => {
              if (query?.data === undefined) return query?.error?.message ?? t('state.loading');
              const last = query.data.at(-1);
              return last === undefined ? '–' : farmDateTime(Date.parse(last.since), timezone);
            },
          },
        ]}
      />
    </Card>
  );
}

function Screen(): JSX.Element {
  const language = useLanguage();
  const toggle = use(ModeContext);
  const sound = useSoundWanted();
  return (
    <Card>
      <Box sx={{ display: 'grid', gap: 2, maxWidth: '26rem', justifyItems: 'start' }}>
        <SelectField
          fullWidth
          label={t('header.language')}
          value={language}
          options={(Object.keys(LANGUAGES) as Language[]).map((code) => [
            code,
            <span key={code} lang={code}>
              {LANGUAGES[code].name}
            </span>,
          ])}
          onChange={(code) => void setLanguage(code)}
        />
        <Button variant="outlined" color="inherit" startIcon={<MoonIcon />} onClick={() => toggle()}>
          {t('settings.theme')}
        </Button>
        <Button
          variant="outlined"
          color="inherit"
          startIcon={sound ? <SoundIcon /> : <SilentIcon />}
          aria-pressed={sound}
          onClick={() => setSoundWanted(!sound)}
        >
          {sound ? t('alarms.sound_on') : t('alarms.sound_off')}
        </Button>
      </Box>
    </Card>
  );
}
