/** What a hand on a chart does, as buttons: for keys, for a screen reader, and for a finger that would rather press. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import type { JSX } from 'react';
import { t } from '../../i18n';
import { BackIcon, ForwardIcon, MinusIcon, PlusIcon } from '../../kit/icons';
import type { SeriesAsked, Zoom } from './queries';
import { bounded, moved, resized } from './window';

interface Props {
  asked: SeriesAsked;
  onZoom: (zoom: Zoom | null) => void;
}

export function ChartControls({ asked, onZoom }: Props): JSX.Element {
  const { zoom, span, skewMs } = asked;
  const change = (by: (window: Zoom) => Zoom): void => {
    const nowMs = Date.now() + skewMs;
    onZoom(bounded(by(zoom ?? { startMs: nowMs - span.seconds * 1000, endMs: nowMs }), nowMs));
  };
  const half = ({ startMs, endMs }: Zoom): number => (endMs - startMs) / 2;
  const middle = ({ startMs, endMs }: Zoom): number => (startMs + endMs) / 2;
  return (
    <Box role="group" aria-label={t('charts.move')} sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.5 }}>
      <IconButton aria-label={t('charts.earlier')} onClick={() => change((at) => moved(at, -half(at)))}>
        <BackIcon />
      </IconButton>
      <IconButton aria-label={t('charts.later')} onClick={() => change((at) => moved(at, half(at)))}>
        <ForwardIcon />
      </IconButton>
      <IconButton
        aria-label={t('charts.closer')}
        onClick={() => change((at) => resized(at, 0.5, middle(at)))}
      >
        <PlusIcon />
      </IconButton>
      <IconButton aria-label={t('charts.wider')} onClick={() => change((at) => resized(at, 2, middle(at)))}>
        <MinusIcon />
      </IconButton>
      {zoom !== null && (
        <Button variant="outlined" color="inherit" onClick={() => onZoom(null)}>
          {t('charts.zoom_out')}
        </Button>
      )}
    </Box>
  );
}
