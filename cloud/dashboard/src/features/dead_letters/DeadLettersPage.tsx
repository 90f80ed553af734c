/** Messages that could not be processed, whole, with the step that refused them and why. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { JSX } from 'react';
import { useParams } from 'react-router';
import { deadLetters } from '../../api/endpoints';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { PageTitle } from '../../kit/PageTitle';
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
  const query = useInfiniteQuery({
    queryKey: ['dead letters'],
    queryFn: ({ pageParam, signal }) => deadLetters(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 30_000,
  });
  return (
    <>
      <PageTitle title={t('letters.title')} text={t('letters.text')} />
      <Answer
        query={query}
        empty={{
          when: (data) => data.pages.every((page) => page.items.length === 0),
          title: t('letters.none'),
          text: t('letters.none_text'),
        }}
      >
        {(data) => (
          <Box sx={{ display: 'grid', gap: 1.5 }}>
            {data.pages
              .flatMap((page) => page.items)
              .map((letter) => (
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
            {query.hasNextPage && (
              <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t('action.older')}
              </Button>
            )}
          </Box>
        )}
      </Answer>
    </>
  );
}
