/** Boxes of one farm or of all of them in a table that is searched and kept as CSV. */
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { MOST_BOXES } from '../../api/endpoints';
import { t } from '../../i18n';
import { Answer, type Query } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { useServerNowMs } from '../../kit/clock';
import { keepText } from '../../kit/file';
import { Table, type Column } from '../../kit/Table';
import { BoxFilter, EVERY_BOX, type BoxChoice } from './BoxFilter';

export interface FleetProps {
  site: string;
  timezone: string;
  skewMs: number;
}

export interface BoxView {
  readonly choice: BoxChoice;
  readonly choose: (choice: BoxChoice) => void;
  /** The farm that is asked about; null for all of them. */
  readonly where: string | null;
  /** `site/device` of the box that is open. */
  readonly shown: string | null;
  readonly show: (name: string | null) => void;
  readonly nowMs: number;
}

export function useBoxView({ site, skewMs }: Pick<FleetProps, 'site' | 'skewMs'>): BoxView {
  const [choice, choose] = useState(EVERY_BOX);
  const [shown, show] = useState<string | null>(null);
  return { choice, choose, where: choice.all ? null : site, shown, show, nowMs: useServerNowMs(skewMs) };
}

interface Props<T, Row> {
  view: BoxView;
  label: string;
  text: string;
  /** What stands on the switch that hides what is well. */
  badText: string;
  /** Said where there are boxes, but no row. */
  wellText: string;
  query: Query<readonly T[]>;
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  columns: readonly Column<Row>[];
  csv: { readonly name: string; readonly text: () => string };
}

export function BoxTable<T, Row>(props: Props<T, Row>): JSX.Element {
  const { view, label, text, badText, wellText, query, rows, rowKey, columns, csv } = props;
  return (
    <>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1.5 }}>
        {text}
      </Typography>
      <BoxFilter
        choice={view.choice}
        onChange={view.choose}
        badText={badText}
        csvDisabled={rows.length === 0}
        onCsv={() => keepText(csv.name, csv.text())}
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
              label={label}
              rows={rows}
              rowKey={rowKey}
              empty={view.choice.search === '' ? wellText : t('fleet.nothing_found')}
              columns={columns}
            />
            {all.length >= MOST_BOXES && (
              <Typography color="textSecondary">{t('fleet.cut', { n: MOST_BOXES })}</Typography>
            )}
          </Card>
        )}
      </Answer>
    </>
  );
}

/** The name of a box, which opens it. */
export function BoxButton({ name, onOpen }: { name: string; onOpen: (name: string) => void }): JSX.Element {
  return (
    <Button
      variant="text"
      onClick={() => onOpen(name)}
      sx={{
        px: 0.5,
        ml: -0.5,
        justifyContent: 'flex-start',
        textAlign: 'left',
        overflowWrap: 'anywhere',
        whiteSpace: { sm: 'nowrap' },
      }}
    >
      {name}
    </Button>
  );
}
