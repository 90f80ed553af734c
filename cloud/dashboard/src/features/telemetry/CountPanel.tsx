/** Fish in sight over time, with what a change of models did to the numbers, in words and as a file. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { CountSeries, ModelChange, Unit } from '../../api/types';
import { numberText, t } from '../../i18n';
import { keepText } from '../../kit/file';
import { farmDateTime } from '../../kit/time';
import { ChartPending, ChartWithWords, LineKey } from './ChartState';
import { CountChart } from './CountChart';
import { castBackOf, countsFile, realChanges } from './counts';
import { GLYPHS, type Marker } from './markers';
import { CHART_REM } from './Plot';
import { useCounts, type SeriesAsked, type Zoom } from './queries';

interface Props {
  unit: Unit;
  asked: SeriesAsked;
  timezone: string;
  markers: readonly Marker[];
  onZoom: (zoom: Zoom) => void;
}

/** Of more changes the newest are told. */
const MOST_TOLD = 3;

export function CountPanel({ unit, asked, timezone, markers, onZoom }: Props): JSX.Element {
  const query = useCounts(unit.id, asked);
  const answer = query.data;
  const told = answer && castBackOf(answer.series);
  const both = told === 'known' || told === 'partly';
  const some = answer !== undefined && answer.series.items.length > 0;
  return (
    <Box component="section" aria-label={t('counts.title')}>
      <Box
        sx={{
          display: 'flex',
          alignItems: 'center',
          flexWrap: 'wrap',
          gap: 1,
          mb: 0.5,
          minHeight: '2.75rem',
        }}
      >
        <Typography variant="h3">{t('counts.title')}</Typography>
        {answer && (
          <Typography variant="caption" color="textSecondary">
            {t(`counts.mean_of.${answer.asked.resolution}`)}
          </Typography>
        )}
        {query.isError && answer && (
          <Typography variant="caption" role="status" sx={{ color: 'stale' }}>
            {query.error.message} {t('state.retrying')}
          </Typography>
        )}
        {some && (
          <Button
            color="inherit"
            title={t('counts.export')}
            onClick={() => keepText(`${unit.slug}-counts.csv`, countsFile(answer.series))}
            sx={{ ml: 'auto', color: 'text.secondary', fontWeight: 500, px: 1, minWidth: '2.75rem' }}
          >
            CSV
          </Button>
        )}
      </Box>
      {answer === undefined ? (
        <ChartPending error={query.error} height={CHART_REM} />
      ) : (
        <>
          <ChartWithWords words={some ? null : t('counts.none')}>
            <CountChart
              series={answer.series}
              view={asked.zoom ?? answer.view}
              loaded={answer.asked}
              both={both}
              skewMs={asked.skewMs}
              timezone={timezone}
              markers={markers}
              onZoom={onZoom}
            />
          </ChartWithWords>
          {some && told !== undefined && (
            <Told series={answer.series} told={told} timezone={timezone} both={both} />
          )}
          {answer.shortened && (
            <Typography variant="caption" color="textSecondary" component="p">
              {t('counts.shortened')}
            </Typography>
          )}
        </>
      )}
    </Box>
  );
}

interface ToldProps {
  series: CountSeries;
  told: ReturnType<typeof castBackOf>;
  timezone: string;
  both: boolean;
}

/** What the lines are, and what changed. */
function Told({ series, told, timezone, both }: ToldProps): JSX.Element {
  const changes = realChanges(series.changes);
  return (
    <Box data-testid="counts-told" data-cast-back={told} sx={{ mt: 1, display: 'grid', gap: 0.75 }}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', columnGap: 2.5, rowGap: 0.5 }}>
        <Typography variant="body2">
          <LineKey dashed={false}>{t('counts.counted')}</LineKey>
        </Typography>
        {both && (
          <Typography variant="body2">
            <LineKey dashed>{t('counts.cast_back')}</LineKey>
          </Typography>
        )}
      </Box>
      {changes.length > 0 && (
        <Box component="ul" aria-label={t('counts.changes')} sx={{ m: 0, p: 0, listStyle: 'none' }}>
          {changes.slice(0, MOST_TOLD).map((change) => (
            <Typography
              component="li"
              variant="body2"
              key={`${change.device} ${change.at}`}
              data-testid="count-change"
            >
              {GLYPHS.model} {changeText(change, timezone)}
            </Typography>
          ))}
          {changes.length > MOST_TOLD && (
            <Typography component="li" variant="body2" color="textSecondary">
              {t('alarms.more', { n: changes.length - MOST_TOLD })}
            </Typography>
          )}
        </Box>
      )}
      <Typography variant="body2" color="textSecondary">
        {t(`counts.text.${told}`)} {t('counts.no_stock')}
      </Typography>
    </Box>
  );
}

function changeText(
  { at, model, version, sha256, count_ratio: ratio }: ModelChange,
  timezone: string,
): string {
  const name =
    model === null ? (sha256?.slice(0, 8) ?? t('counts.another_model')) : `${model} ${version ?? ''}`.trim();
  const when = farmDateTime(Date.parse(at), timezone);
  return ratio === null || ratio === undefined
    ? t('counts.change_unknown', { at: when, model: name })
    : t('counts.change', { at: when, model: name, percent: signed((ratio - 1) * 100) });
}

function signed(percent: number): string {
  const whole = Math.round(percent);
  return whole > 0 ? `+${numberText(whole)}` : numberText(whole);
}
