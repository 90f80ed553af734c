/** Each version that has worked at a unit, with the signal that is furthest from its own beginning. */
import MuiLink from '@mui/material/Link';
import type { JSX } from 'react';
import { Link } from 'react-router';
import type { DriftSeries } from '../../api/drift';
import { numberText, t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { DriftMark } from './DriftMark';
import { useDriftSeries } from './queries';

export function SeriesPart({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const query = useDriftSeries(site);
  const at = (moment: string): string => farmDateTime(Date.parse(moment), timezone);
  return (
    <Pages query={query} empty={{ title: t('drift.no_series'), text: t('drift.no_series_text') }}>
      {(rows, older) => (
        <Card>
          <Table<DriftSeries>
            label={t('drift.series')}
            rows={rows}
            rowKey={(each) => `${each.unit_id} ${each.model.sha256}`}
            columns={[
              {
                head: t('column.unit'),
                cell: (each) => (
                  <MuiLink
                    component={Link}
                    to={`/sites/${site}/drift?unit=${each.unit_id}&model=${each.model.sha256}`}
                    sx={{ fontWeight: 650, display: 'inline-block', py: 0.5 }}
                  >
                    {each.unit_name}
                  </MuiLink>
                ),
              },
              { head: t('rollouts.model'), cell: (each) => `${each.model.name} ${each.model.version}` },
              { head: t('column.verdict'), cell: (each) => <DriftMark status={each.status} /> },
              { head: t('drift.worst'), cell: (each) => worstText(each) },
              { head: t('drift.reference'), cell: (each) => at(each.reference_from) },
              { head: t('drift.newest'), cell: (each) => at(each.newest_hour) },
            ]}
          />
          {older}
        </Card>
      )}
    </Pages>
  );
}

function worstText({ signals }: DriftSeries): string {
  const [worst] = [...signals].sort((a, b) => b.psi - a.psi);
  return worst === undefined ? '–' : `${word('signal', worst.signal)} (PSI ${numberText(worst.psi, 2)})`;
}
