/** Messages that could not be processed, whole, with the step that refused them and why. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { JSX } from 'react';
import { useParams } from 'react-router';
import { deadLetters } from '../../api/endpoints';
import { numberText, t } from '../../i18n';
import { Card } from '../../kit/Card';
import { PageTitle } from '../../kit/PageTitle';
import { paged } from '../../kit/paged';
import { Pages } from '../../kit/Pages';
import { farmDateTime } from '../../kit/time';
import { FarmFrame } from '../farms/FarmFrame';

export default function DeadLettersPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => <Letters timezone={snapshot.latest.site.timezone} />}
    </FarmFrame>
  );
}

function Letters({ timezone }: { timezone: string }): JSX.Element {
  const query = useInfiniteQuery(paged(['dead letters'], 30_000, deadLetters));
  return (
    <>
      <PageTitle title={t('letters.title')} text={t('letters.text')} />
      <Pages query={query} empty={{ title: t('letters.none'), text: t('letters.none_text') }}>
        {(rows, older) => (
          <Box sx={{ display: 'grid', gap: 1.5 }}>
            {rows.map((letter) => (
              <Card key={letter.id}>
                <Box data-testid="dead-letter" sx={{ display: 'flex', flexWrap: 'wrap', gap: 1.5 }}>
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
              </Card>
            ))}
            {older}
          </Box>
        )}
      </Pages>
    </>
  );
}
