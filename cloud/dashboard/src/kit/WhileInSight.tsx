/**
 * What is far from the screen keeps its last look and costs nothing; it is brought up to date before it comes into sight. A wall
 * of 400 tiles otherwise renders 390 that nobody sees, once a second. Paper shows them all, so before the page is printed all are
 * brought up to date: a last look may not pass for the present.
 */
import Box from '@mui/material/Box';
import { memo, useEffect, useState, type JSX, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { InSight } from './clock';

/** A screen above and below counts as in sight, so that nobody scrolls faster than a tile is brought up to date. */
const MARGIN = '100% 0px';

export function WhileInSight({ children }: { children: ReactNode }): JSX.Element {
  const [place, setPlace] = useState<HTMLElement | null>(null);
  const [near, setNear] = useState(true);
  const [printed, setPrinted] = useState(false);
  useEffect(() => {
    if (place === null) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        setNear(entries.at(-1)?.isIntersecting ?? true);
      },
      { rootMargin: MARGIN },
    );
    observer.observe(place);
    return () => {
      observer.disconnect();
    };
  }, [place]);
  useEffect(() => {
    // The page is laid out for paper as soon as this returns.
    const begin = (): void => flushSync(() => setPrinted(true));
    const end = (): void => setPrinted(false);
    addEventListener('beforeprint', begin);
    addEventListener('afterprint', end);
    return () => {
      removeEventListener('beforeprint', begin);
      removeEventListener('afterprint', end);
    };
  }, []);
  const inSight = near || printed;
  return (
    <Box ref={setPlace} sx={{ display: 'grid' }}>
      <InSight value={inSight}>
        <Held inSight={inSight}>{children}</Held>
      </InSight>
    </Box>
  );
}

const Held = memo(
  function Held({ children }: { inSight: boolean; children: ReactNode }): ReactNode {
    return children;
  },
  (_, next) => !next.inSight,
);
