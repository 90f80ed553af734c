/** Two quantities in one chart: of one unit, or one quantity of two; each with its own axis and unit, and kept as a file. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useMemo, useState, type JSX } from 'react';
import type { Unit, UnitLatest } from '../../api/types';
import { t } from '../../i18n';
import { keepText } from '../../kit/file';
import { SelectField } from '../../kit/SelectField';
import { ChartPending, LineKey } from './ChartState';
import { PAIR_REM, PairChart } from './PairChart';
import { fileOf, rangeText, type Choice } from './pairs';
import { useSeries, type SeriesAsked, type Zoom } from './queries';
import { inReadingOrder, quantityText } from './units';

interface Props {
  /** The unit that the page is about. */
  unit: Unit;
  units: readonly UnitLatest[];
  asked: SeriesAsked;
  timezone: string;
  onZoom: (zoom: Zoom) => void;
}

export function PairPanel({ unit, units, asked, timezone, onZoom }: Props): JSX.Element | null {
  const choices = useChoices(unit, units);
  const [chosen, setChosen] = useState<readonly [number?, number?]>([]);
  const first = choices.find((each) => each.reading.channel_id === chosen[0]) ?? choices[0];
  const second =
    choices.find((each) => each.reading.channel_id === chosen[1]) ??
    choices.find((each) => each.reading.quantity === 'temperature' && each !== first) ??
    choices[1];
  const one = useSeries(first?.reading.channel_id ?? null, asked);
  const other = useSeries(second?.reading.channel_id ?? null, asked);
  if (first === undefined || second === undefined) return null;
  const failed = one.error ?? other.error;
  const lines =
    one.data === undefined || other.data === undefined
      ? null
      : ([
          { ...first, answer: one.data },
          { ...second, answer: other.data },
        ] as const);
  return (
    <Box sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5, alignItems: 'center' }}>
        <Chooser
          label={t('pair.first')}
          choices={choices}
          chosen={first}
          onChange={(id) => setChosen([id, second.reading.channel_id])}
        />
        <Chooser
          label={t('pair.second')}
          choices={choices}
          chosen={second}
          onChange={(id) => setChosen([first.reading.channel_id, id])}
        />
        <Button
          color="inherit"
          variant="outlined"
          disabled={lines === null}
          title={t('pair.export_text')}
          onClick={() => {
            if (lines !== null) keepText(`${unit.slug}-pair.csv`, fileOf(lines, asked.zoom));
          }}
        >
          CSV
        </Button>
      </Box>
      {lines !== null ? (
        <>
          <PairChart
            lines={lines}
            zoom={asked.zoom}
            skewMs={asked.skewMs}
            timezone={timezone}
            onZoom={onZoom}
          />
          <Box component="ul" aria-label={t('pair.told')} sx={{ m: 0, p: 0, listStyle: 'none' }}>
            {lines.map((line, index) => (
              <Typography component="li" variant="body2" key={index} data-testid="pair-line">
                <LineKey dashed={index > 0}>{rangeText(line, asked.zoom)}</LineKey>
              </Typography>
            ))}
          </Box>
        </>
      ) : (
        <ChartPending error={failed} height={PAIR_REM} />
      )}
    </Box>
  );
}

interface ChooserProps {
  label: string;
  choices: readonly Choice[];
  chosen: Choice;
  onChange: (channel: number) => void;
}

function Chooser({ label, choices, chosen, onChange }: ChooserProps): JSX.Element {
  return (
    <SelectField
      label={label}
      value={chosen.reading.channel_id}
      options={choices.map(({ reading, name }) => [reading.channel_id, name])}
      onChange={onChange}
      sx={{ flex: '1 1 14rem', maxWidth: '24rem' }}
    />
  );
}

/** Every channel of the farm, those of this unit first. */
function useChoices(unit: Unit, units: readonly UnitLatest[]): readonly Choice[] {
  const told = JSON.stringify(
    units.map((each) => [each.unit.id, each.readings.map((reading) => reading.channel_id)]),
  );
  return useMemo(() => {
    const mine = units.filter((each) => each.unit.id === unit.id);
    const others = units.filter((each) => each.unit.id !== unit.id);
    return [...mine, ...others].flatMap((each) =>
      inReadingOrder(each.readings).map((reading) => ({
        reading,
        name: `${each.unit.name} · ${quantityText(reading.quantity, reading.label)}`,
      })),
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps -- names of channels, not their values
  }, [told, unit.id]);
}
