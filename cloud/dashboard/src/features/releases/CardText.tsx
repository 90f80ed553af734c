/**
 * A model card as its author laid it out: headings, tables, lists, code. HTML in it stays text, and no picture is fetched.
 *
 * markdown-to-jsx makes React elements and never HTML, has tables, and is fetched with the first card that is opened (32 KB).
 */
import Box from '@mui/material/Box';
import Markdown, { type MarkdownToJSX } from 'markdown-to-jsx/react';
import type { JSX, ReactNode } from 'react';
import { t } from '../../i18n';

const OPTIONS: MarkdownToJSX.Options = {
  disableParsingRawHTML: true,
  forceBlock: true,
  // The card stands below the headings of the dialog.
  overrides: {
    h1: { component: 'h4' },
    h2: { component: 'h5' },
    h3: { component: 'h6' },
    a: { props: { target: '_blank', rel: 'noopener noreferrer' } },
    img: { component: Alternative },
    table: { component: Scrolled },
  },
};

export default function CardText({ text }: { text: string }): JSX.Element {
  return (
    <Box data-testid="card" sx={cardSx}>
      <Markdown options={OPTIONS}>{text}</Markdown>
    </Box>
  );
}

function Alternative({ alt = '' }: { alt?: string }): JSX.Element {
  return <>{alt}</>;
}

function Scrolled({ children }: { children?: ReactNode }): JSX.Element {
  return (
    // A region that scrolls must be reachable by keyboard.
    <Box role="region" aria-label={t('releases.card')} tabIndex={0} sx={{ overflowX: 'auto' }}>
      <table>{children}</table>
    </Box>
  );
}

const cardSx = {
  overflowWrap: 'anywhere',
  '& h4, & h5, & h6': { m: 0, mt: 2, mb: 0.5, fontWeight: 650 },
  '& h4': { fontSize: '1.125rem' },
  '& h5, & h6': { fontSize: '1rem' },
  '& p, & ul, & ol': { my: 1 },
  '& ul, & ol': { pl: 3 },
  '& a': { color: 'inherit' },
  '& table': { borderCollapse: 'collapse', fontSize: '0.875rem', overflowWrap: 'normal' },
  '& th, & td': { px: 1, py: 0.5, borderBottom: '1px solid', borderColor: 'divider', textAlign: 'left' },
  '& pre': { overflowX: 'auto', whiteSpace: 'pre-wrap', p: 1, borderRadius: 1, bgcolor: 'raised' },
  '& code': { fontSize: '0.8125rem' },
};
