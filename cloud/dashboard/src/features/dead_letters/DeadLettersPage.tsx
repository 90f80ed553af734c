/** Messages that could not be processed, whole, with the step that refused them and why; put back or discarded from here. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { useParams } from 'react-router';
import type { DeadLetterOrder, DeadLetterPage, DeadLetterReasons, LetterState } from '../../api/types';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { PageTitle } from '../../kit/PageTitle';
import { Pages } from '../../kit/Pages';
import { Table } from '../../kit/Table';
import { farmDateTime } from '../../kit/time';
import { FarmFrame } from '../farms/FarmFrame';
import { LetterDialog, type Wish } from './LetterDialog';
import { OrderResult } from './OrderResult';
import { useLetters, useReasons } from './queries';

type Letter = DeadLetterPage['items'][number];
type Reason = DeadLetterReasons['items'][number];

const STATES: readonly LetterState[] = ['open', 'replayed', 'discarded'];
/** Letters that one order may name. */
const MOST_CHOSEN = 200;

export default function DeadLettersPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => <Letters timezone={snapshot.latest.site.timezone} />}
    </FarmFrame>
  );
}

function Letters({ timezone }: { timezone: string }): JSX.Element {
  const [state, setState] = useState<LetterState>('open');
  const [wish, setWish] = useState<Wish | null>(null);
  const [order, setOrder] = useState<DeadLetterOrder | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const query = useLetters(state);
  return (
    <>
      <PageTitle title={t('letters.title')} text={t('letters.text')} />
      <Box sx={{ display: 'grid', gap: 2 }}>
        {order !== null && <OrderResult key={order.id} order={order} onClose={() => setOrder(null)} />}
        <Reasons timezone={timezone} onWish={setWish} />
        <Box role="group" aria-label={t('letters.state')} sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          {STATES.map((one) => (
            <Button
              key={one}
              variant={one === state ? 'contained' : 'outlined'}
              color="inherit"
              disableElevation
              aria-pressed={one === state}
              onClick={() => {
                setState(one);
                setChosen(new Set());
              }}
            >
              {t(`letters.state_${one}`)}
            </Button>
          ))}
        </Box>
        <Pages query={query} empty={{ title: t('letters.none'), text: t(`letters.none_${state}`) }}>
          {(rows, older) => (
            <Box sx={{ display: 'grid', gap: 1.5 }}>
              {state !== 'replayed' && (
                <Chosen rows={rows} state={state} chosen={chosen} onChoose={setChosen} onWish={setWish} />
              )}
              {rows.map((letter) => (
                <LetterCard
                  key={letter.id}
                  letter={letter}
                  timezone={timezone}
                  chosen={chosen.has(letter.id)}
                  full={chosen.size >= MOST_CHOSEN}
                  onChoose={(wanted) => {
                    const next = new Set(chosen);
                    if (wanted) next.add(letter.id);
                    else next.delete(letter.id);
                    setChosen(next);
                  }}
                  onWish={setWish}
                />
              ))}
              {older}
            </Box>
          )}
        </Pages>
      </Box>
      {wish !== null && (
        <LetterDialog
          wish={wish}
          onClose={() => setWish(null)}
          onSent={(sent) => {
            setWish(null);
            setChosen(new Set());
            setOrder(sent);
          }}
        />
      )}
    </>
  );
}

interface Wishes {
  timezone: string;
  onWish: (wish: Wish) => void;
}

interface ChosenProps {
  rows: readonly Letter[];
  state: LetterState;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  onWish: (wish: Wish) => void;
}

/** Several letters at once, by their boxes; what is no longer in the list is not meant. */
function Chosen({ rows, state, chosen, onChoose, onWish }: ChosenProps): JSX.Element {
  const meant = rows.filter(({ id }) => chosen.has(id)).map(({ id }) => id);
  const all = rows.slice(0, MOST_CHOSEN);
  const wish = (action: Wish['action']): void =>
    onWish({
      action,
      choice: { letters: meant },
      what: t('letters.chosen', { n: numberText(meant.length) }),
    });
  return (
    <Box
      role="group"
      aria-label={t('letters.choose_several')}
      sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1 }}
    >
      <FormControlLabel
        control={
          <Checkbox
            checked={meant.length === all.length}
            indeterminate={meant.length > 0 && meant.length < all.length}
            onChange={(_event, wanted) => onChoose(new Set(wanted ? all.map(({ id }) => id) : []))}
          />
        }
        label={t('letters.choose_all')}
      />
      <Typography role="status" color="textSecondary">
        {t('letters.chosen', { n: numberText(meant.length) })}
      </Typography>
      <Button variant="outlined" disabled={meant.length === 0} onClick={() => wish('replay')}>
        {t('letters.replay')}
      </Button>
      {state === 'open' && (
        <Button color="inherit" disabled={meant.length === 0} onClick={() => wish('discard')}>
          {t('letters.discard')}
        </Button>
      )}
    </Box>
  );
}

function Reasons({ timezone, onWish }: Wishes): JSX.Element | null {
  const query = useReasons();
  if (!query.isError && (query.data?.items ?? []).length === 0) return null;
  const wishOf = (action: Wish['action'], { stage, reason, letters }: Reason): Wish => ({
    action,
    choice: { stage, reason },
    what: `${stage} · ${reason}: ${numberText(letters)}`,
  });
  return (
    <Card title={t('letters.reasons')}>
      <Answer query={query}>
        {({ items }) => (
          <Table
            label={t('letters.reasons')}
            rows={items}
            rowKey={({ stage, reason }) => `${stage} ${reason}`}
            columns={[
              { head: t('letters.reason'), cell: ({ stage, reason }) => `${stage} · ${reason}` },
              { head: t('letters.many'), cell: ({ letters }) => numberText(letters) },
              {
                head: t('letters.newest'),
                cell: ({ newest_at: at }) => farmDateTime(Date.parse(at), timezone),
              },
              {
                head: t('letters.order'),
                cell: (reason) => (
                  <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
                    <Button size="small" variant="outlined" onClick={() => onWish(wishOf('replay', reason))}>
                      {t('letters.replay')}
                    </Button>
                    <Button size="small" color="inherit" onClick={() => onWish(wishOf('discard', reason))}>
                      {t('letters.discard')}
                    </Button>
                  </Box>
                ),
              },
            ]}
          />
        )}
      </Answer>
    </Card>
  );
}

interface LetterProps extends Wishes {
  letter: Letter;
  chosen: boolean;
  /** Whether no other can be chosen. */
  full: boolean;
  onChoose: (wanted: boolean) => void;
}

function LetterCard({ letter, timezone, chosen, full, onChoose, onWish }: LetterProps): JSX.Element {
  const wish = (action: Wish['action']): void =>
    onWish({ action, choice: { letters: [letter.id] }, what: `${letter.reason} · ${letter.origin}` });
  return (
    <Card>
      <div data-testid="dead-letter">
        <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: 1.5 }}>
          {letter.state !== 'replayed' && (
            <Checkbox
              edge="start"
              checked={chosen}
              disabled={full && !chosen}
              onChange={(_event, wanted) => onChoose(wanted)}
              slotProps={{ input: { 'aria-label': t('letters.choose', { what: letter.origin }) } }}
            />
          )}
          <Typography sx={{ fontWeight: 650 }}>
            {letter.stage} · {letter.reason}
          </Typography>
          <Typography color="textSecondary" sx={{ ml: 'auto' }}>
            {farmDateTime(Date.parse(letter.received_at), timezone)}
            {letter.count > 1 && ` · ${numberText(letter.count)} ×`}
          </Typography>
        </Box>
        <Typography variant="body2">{letter.detail}</Typography>
        <Typography variant="caption" color="textSecondary" component="div">
          <code>{letter.origin}</code> · {numberText(letter.bytes)} B
        </Typography>
        {letter.settled_at !== null && letter.state !== 'open' && (
          <Typography variant="body2">
            {t(`letters.state_${letter.state}`)}: {farmDateTime(Date.parse(letter.settled_at), timezone)},{' '}
            {letter.settled_by} {letter.settled_why}
          </Typography>
        )}
        <Box
          component="pre"
          tabIndex={0}
          aria-label={t('letters.content')}
          sx={{
            m: 0,
            mt: 1,
            p: 1,
            borderRadius: '0.375rem',
            bgcolor: 'raised',
            fontSize: '0.8125rem',
            whiteSpace: 'pre-wrap',
            maxHeight: '9rem',
            overflow: 'auto',
          }}
        >
          {letter.preview}
        </Box>
        {letter.state !== 'replayed' && (
          <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, mt: 1 }}>
            <Button size="small" variant="outlined" onClick={() => wish('replay')}>
              {t('letters.replay')}
            </Button>
            {letter.state === 'open' && (
              <Button size="small" color="inherit" onClick={() => wish('discard')}>
                {t('letters.discard')}
              </Button>
            )}
          </Box>
        )}
      </div>
    </Card>
  );
}
