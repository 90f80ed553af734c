/** What the server answered, or the state that stands in its place; an answer that could not be renewed says its age. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import { t } from '../i18n';
import { useNow } from './clock';
import { UnlinkIcon } from './icons';
import { Failed, Loading, Note } from './States';
import { ageText } from './time';

export interface Query<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly isError: boolean;
  readonly dataUpdatedAt: number;
  readonly refetch: () => unknown;
}

interface Props<T> {
  query: Query<T>;
  /** Said instead of the content when the answer has nothing in it. */
  empty?: { when: (data: T) => boolean; title: string; text?: string };
  children: (data: T) => ReactNode;
}

export function Answer<T>({ query, empty, children }: Props<T>): JSX.Element {
  const { data, error, isError } = query;
  if (data === undefined) {
    return isError ? <Failed error={error} retry={() => void query.refetch()} /> : <Loading />;
  }
  return (
    <>
      {isError && <NotRenewed since={query.dataUpdatedAt} />}
      {empty?.when(data) === true ? (
        <Note title={empty.title} {...(empty.text === undefined ? {} : { text: empty.text })} />
      ) : (
        children(data)
      )}
    </>
  );
}

function NotRenewed({ since }: { since: number }): JSX.Element {
  const age = useNow((now) => ageText((now.wallMs - since) / 1000));
  return (
    <Box
      role="status"
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: 1,
        mb: 1.5,
        px: 1.5,
        py: 1,
        border: '1px dashed',
        borderColor: 'stale',
        borderRadius: '0.5rem',
        color: 'text.secondary',
      }}
    >
      <UnlinkIcon />
      <Typography variant="body2">{t('state.not_renewed', { age })}</Typography>
    </Box>
  );
}
