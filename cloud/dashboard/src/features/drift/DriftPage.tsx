/** Whether models still see what they were made for: advice with pictures of before and after, and every version at every unit. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { t } from '../../i18n';
import { PageTitle } from '../../kit/PageTitle';
import { Tabs } from '../../kit/Tabs';
import { FarmFrame } from '../farms/FarmFrame';
import { AlertsPart } from './AlertsPart';
import { SeriesDetail } from './SeriesDetail';
import { SeriesPart } from './SeriesPart';

export default function DriftPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => <Drift site={site} timezone={snapshot.latest.site.timezone} />}
    </FarmFrame>
  );
}

function Drift({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const [search] = useSearchParams();
  const [unit, model] = [Number(search.get('unit')), search.get('model')];
  if (unit > 0 && model !== null) {
    return <SeriesDetail site={site} unit={unit} model={model} timezone={timezone} />;
  }
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <PageTitle title={t('drift.title')} text={t('drift.text')} />
      <Box sx={{ minWidth: 0 }}>
        <Tabs
          label={t('drift.title')}
          parts={[
            {
              key: 'advice',
              label: t('drift.alerts'),
              content: () => <AlertsPart site={site} timezone={timezone} />,
            },
            {
              key: 'series',
              label: t('drift.series'),
              content: () => <SeriesPart site={site} timezone={timezone} />,
            },
          ]}
        />
      </Box>
    </Box>
  );
}
