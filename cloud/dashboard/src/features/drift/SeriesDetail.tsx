/** One version at one unit: what the newest day says of each signal, and each signal hour by hour. */
import Box from '@mui/material/Box';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import { useMemo, type JSX } from 'react';
import { Link } from 'react-router';
import type { DriftHours, DriftSeries } from '../../api/drift';
import { numberText, t, word } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { BackIcon } from '../../kit/icons';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { DriftMark } from './DriftMark';
import { useDriftHours, useDriftSeries } from './queries';
import { tracesOf, type Trace } from './traces';

interface Props {
  site: string;
  unit: number;
  model: string;
  timezone: string;
}

export function SeriesDetail({ site, unit, model, timezone }: Props): JSX.Element {
  const query = useDriftSeries(site);
  const hours = useDriftHours(unit, model);
  return (
    <Pages query={query} empty={{ title: t('drift.no_series'), text: t('drift.no_series_text') }}>
      {(rows, older) => {
        const series = rows.find((each) => each.unit_id === unit && each.model.sha256 === model);
        return (
          <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
            <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
              <IconButton
                component={Link}
                to={`/sites/${site}/drift?part=series`}
                aria-label={t('drift.back')}
                edge="start"
              >
                <BackIcon />
              </IconButton>
              <Typography variant="h1" sx={{ flex: 1, minWidth: 0 }}>
                {series === undefined
                  ? t('nav.drift')
                  : t('drift.of', { model: nameOf(series), unit: series.unit_name })}
              </Typography>
              {series !== undefined && <DriftMark status={series.status} />}
            </Box>
            {series === undefined ? older : <Signals series={series} timezone={timezone} />}
            <Answer query={hours}>
              {(told) => (
                <Hours
                  told={told}
                  model={series === undefined ? '' : nameOf(series)}
                  unit={series?.unit_name ?? ''}
                  timezone={timezone}
                />
              )}
            </Answer>
          </Box>
        );
      }}
    </Pages>
  );
}

function nameOf({ model }: DriftSeries): string {
  return `${model.name} ${model.version}`;
}

function Signals({ series, timezone }: { series: DriftSeries; timezone: string }): JSX.Element {
  return (
    <Card>
      <Table
        label={t('drift.signal')}
        rows={series.signals}
        rowKey={(each) => each.signal}
        empty={t('drift_status.learning')}
        columns={[
          { head: t('drift.signal'), cell: (each) => <b>{word('signal', each.signal)}</b> },
          { head: t('drift.verdict'), cell: (each) => <DriftMark status={each.verdict} /> },
          { head: 'PSI', cell: (each) => numberText(each.psi, 2), align: 'right' },
          { head: 'p', cell: (each) => each.p.toPrecision(2), align: 'right' },
          { head: t('drift.shift'), cell: (each) => numberText(each.shift, 2), align: 'right' },
          { head: t('drift.days'), cell: (each) => numberText(each.days), align: 'right' },
          {
            head: t('column.when'),
            cell: (each) =>
              each.changed_at === null ? '–' : farmDateTime(Date.parse(each.changed_at), timezone),
          },
        ]}
      />
      <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
        {t('drift.figures_text')}
      </Typography>
    </Card>
  );
}

interface HoursProps {
  told: DriftHours;
  model: string;
  unit: string;
  timezone: string;
}

function Hours({ told, model, unit, timezone }: HoursProps): JSX.Element {
  const traces = useMemo(() => tracesOf(told), [told]);
  const at = (moment: string): string => farmDateTime(Date.parse(moment), timezone);
  if (traces.length === 0) return <Typography color="textSecondary">{t('drift.no_hours')}</Typography>;
  return (
    <>
      <Typography variant="body2" color="textSecondary">
        {at(told.start)} – {at(told.end)}
      </Typography>
      <Box
        sx={{
          display: 'grid',
          gap: 2,
          gridTemplateColumns: 'repeat(auto-fill, minmax(min(22rem, 100%), 1fr))',
        }}
      >
        {traces.map((trace) => (
          <Card key={trace.signal}>
            <Line
              trace={trace}
              label={t('drift.chart', { signal: word('signal', trace.signal), model, unit })}
            />
          </Card>
        ))}
      </Box>
    </>
  );
}

const [WIDE, HIGH] = [320, 80];

function Line({ trace, label }: { trace: Trace; label: string }): JSX.Element {
  const band = t('drift.band', {
    least: numberText(trace.least, 2),
    most: numberText(trace.most, 2),
    mean: numberText(trace.median, 2),
  });
  return (
    <>
      <Typography variant="h3">{word('signal', trace.signal)}</Typography>
      <Box
        component="svg"
        role="img"
        aria-label={`${label}: ${band}`}
        data-testid="drift-line"
        viewBox={`0 0 ${WIDE} ${HIGH}`}
        preserveAspectRatio="none"
        sx={{ display: 'block', width: '100%', height: '6rem', color: 'primary.main', my: 0.5 }}
      >
        {trace.strokes.map((points, index) => (
          <polyline
            key={index}
            points={points.map(([x, y]) => `${x * WIDE},${(1 - y) * (HIGH - 4) + 2}`).join(' ')}
            fill="none"
            stroke="currentColor"
            strokeWidth="1.5"
            vectorEffect="non-scaling-stroke"
          />
        ))}
      </Box>
      <Typography variant="caption" color="textSecondary">
        {band}
      </Typography>
    </>
  );
}
