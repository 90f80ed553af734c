/** Lost confidence over a picture: the brighter a part, the more the answer rests on it. What it says stands beside it in words. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';

export function AttentionMap({ lost }: { lost: readonly (readonly number[])[] }): JSX.Element {
  const most = Math.max(0.01, ...lost.flat());
  const [rows, columns] = [lost.length, lost[0]?.length ?? 1];
  return (
    <Box
      component="svg"
      data-testid="attention-map"
      viewBox={`0 0 ${columns} ${rows}`}
      preserveAspectRatio="none"
      // Else the edges of two parts are blended, and a seam is seen between them.
      shapeRendering="crispEdges"
      aria-hidden="true"
      sx={{ position: 'absolute', inset: 0, width: '100%', height: '100%' }}
    >
      {lost.flatMap((cells, y) =>
        cells.map((share, x) => {
          const weight = Math.max(0, share) / most;
          return (
            <g key={`${y} ${x}`}>
              {/* What does not count is darkened, so that brightness means one thing on any picture. */}
              <rect x={x} y={y} width="1" height="1" fill="#05090c" opacity={0.6 * (1 - weight)} />
              <rect x={x} y={y} width="1" height="1" fill="#ffe066" opacity={0.4 * weight} />
            </g>
          );
        }),
      )}
    </Box>
  );
}
