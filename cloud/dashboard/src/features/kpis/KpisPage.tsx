/** How the farm does: each figure with its target, what it was computed from, and why it cannot be told when it cannot. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { useParams } from 'react-router';
import { siteKpis } from '../../api/endpoints';
import type { Kpi, Unit } from '../../api/types';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { CheckIcon, CloseIcon, MinusIcon } from '../../kit/icons';
import { PageTitle } from '../../kit/PageTitle';
import { lastDays, PeriodChoice } from '../../kit/period';
import { SelectField } from '../../kit/SelectField';
import { FarmFrame } from '../farms/FarmFrame';
import { unitText } from '../telemetry/units';

export default function KpisPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => <Kpis site={site} units={snapshot.latest.units.map(({ unit }) => unit)} />}
    </FarmFrame>
  );
}

function Kpis({ site, units }: { site: string; units: readonly Unit[] }): JSX.Element {
  const [days, setDays] = useState(30);
  const [unit, setUnit] = useState('');
  const query = useQuery({
    queryKey: ['kpis', site, days, unit],
    queryFn: ({ signal }) => siteKpis(site, { ...lastDays(days), ...(unit === '' ? {} : { unit }) }, signal),
    refetchInterval: 300_000,
  });
  return (
    <>
      <PageTitle title={t('kpis.title')} text={t('kpis.text')}>
        <SelectField
          label={t('column.unit')}
          value={unit}
          options={[['', t('records.all')], ...units.map((each) => [each.slug, each.name] as const)]}
          onChange={setUnit}
          sx={{ minWidth: '11rem' }}
        />
        <PeriodChoice days={days} choices={[7, 30, 90, 365]} onChange={setDays} />
      </PageTitle>
      <Answer query={query} empty={{ when: (found) => found.kpis.length === 0, title: t('state.nothing') }}>
        {(found) => (
          <Box
            sx={{
              display: 'grid',
              gap: 1.5,
              gridTemplateColumns: 'repeat(auto-fill, minmax(min(17rem, 100%), 1fr))',
            }}
          >
            {found.kpis.map((kpi) => (
              <Figure key={kpi.name} kpi={kpi} />
            ))}
          </Box>
        )}
      </Answer>
    </>
  );
}

/** Of a figure: enough to tell it from another, and from nothing. */
function digitsOf(value: number): number {
  const size = Math.abs(value);
  if (size >= 10) return 1;
  return size >= 0.1 || size === 0 ? 2 : 4;
}

function Figure({ kpi }: { kpi: Kpi }): JSX.Element {
  const { value, target, verdict } = kpi;
  const unit = unitText(kpi.ucum);
  return (
    <Card>
      <Box data-testid="kpi" data-verdict={verdict}>
        <Typography variant="body2" color="textSecondary">
          {kpi.label}
        </Typography>
        {value === null ? (
          <>
            <Typography sx={{ fontSize: '1.25rem', fontWeight: 650, color: 'stale' }}>
              {t('kpis.untold')}
            </Typography>
            <Typography variant="body2">{kpi.missing}</Typography>
          </>
        ) : (
          <Typography sx={{ fontSize: '1.75rem', fontWeight: 650 }}>
            {numberText(value, digitsOf(value))}{' '}
            <Box component="span" sx={{ fontSize: '1rem', color: 'text.secondary', fontWeight: 500 }}>
              {unit}
            </Box>
          </Typography>
        )}
        {target !== null && (
          <Typography
            variant="body2"
            sx={{
              display: 'flex',
              alignItems: 'center',
              gap: 0.5,
              fontWeight: 600,
              color: verdict === 'missed' ? 'severity.major' : 'text.secondary',
              '& svg': { fontSize: '1.125rem' },
            }}
          >
            {verdict === 'met' ? <CheckIcon /> : verdict === 'missed' ? <CloseIcon /> : <MinusIcon />}
            {verdict === 'met'
              ? t('kpis.met')
              : verdict === 'missed'
                ? t('kpis.missed')
                : t('kpis.open')}: {target.below ? '<' : '≥'} {numberText(target.value)} {unit}
          </Typography>
        )}
        {kpi.computed_from.length > 0 && (
          <Typography variant="caption" color="textSecondary" component="div" sx={{ mt: 0.5 }}>
            {t('kpis.from', { what: kpi.computed_from.join('; ') })}
          </Typography>
        )}
      </Box>
    </Card>
  );
}
