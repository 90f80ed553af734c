/** The image behind a number, with the detector's boxes drawn over it. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useState, type JSX, type ReactNode } from 'react';
import type { Observation } from '../../api/types';
import { CameraOffIcon } from '../../kit/icons';
import { t } from '../../i18n';

/** Boxes below this confidence are fainter. */
const UNSURE_BELOW = 0.5;

interface Props {
  observation: Pick<Observation, 'image_url' | 'detections' | 'camera'>;
  showBoxes: boolean;
  /** Confidence beside each box; left out in thumbnails. */
  showConfidence?: boolean;
  dimmed?: boolean;
  /** Laid over the picture itself, in its shape. */
  over?: ReactNode;
  children?: ReactNode;
}

export function EvidenceImage({
  observation,
  showBoxes,
  showConfidence,
  dimmed,
  over,
  children,
}: Props): JSX.Element {
  const { image_url: url, detections, camera } = observation;
  const [failed, setFailed] = useState<string | null>(null);
  const [aspect, setAspect] = useState(16 / 9);
  const usable = url !== null && failed !== url;
  return (
    <Box
      sx={{
        position: 'relative',
        aspectRatio: '16 / 9',
        bgcolor: '#05090c',
        borderRadius: '0.5rem',
        overflow: 'hidden',
        display: 'grid',
        placeItems: 'center',
      }}
    >
      {usable ? (
        // The frame has the image's own shape, so that boxes fall where the fish are however the tile is cut.
        <Box sx={{ position: 'relative', height: '100%', maxWidth: '100%', aspectRatio: String(aspect) }}>
          <Box
            component="img"
            src={url}
            alt={t('images.alt', { camera, n: detections.length })}
            data-testid="evidence-image"
            onLoad={(event) => setAspect(shapeOf(event.currentTarget))}
            onError={() => setFailed(url)}
            sx={{
              display: 'block',
              width: '100%',
              height: '100%',
              filter: dimmed === true ? 'grayscale(1) brightness(0.65)' : 'none',
            }}
          />
          {showBoxes && <Boxes detections={detections} aspect={aspect} labelled={showConfidence === true} />}
          {over}
        </Box>
      ) : (
        <NoImage text={url === null ? t('images.none_sent') : t('images.failed')} />
      )}
      {children}
    </Box>
  );
}

interface BoxesProps {
  detections: Observation['detections'];
  aspect: number;
  labelled: boolean;
}

/** Boxes in a drawing plane of the image's own shape, 100 high, so that the labels are not stretched. */
function Boxes({ detections, aspect, labelled }: BoxesProps): JSX.Element {
  const wide = aspect * 100;
  return (
    <Box
      component="svg"
      data-testid="detection-boxes"
      viewBox={`0 0 ${wide} 100`}
      preserveAspectRatio="none"
      aria-hidden="true"
      sx={{ position: 'absolute', inset: 0, width: '100%', height: '100%', color: 'box' }}
    >
      {detections.map(({ box, confidence }, index) => {
        const place = { x: box.x * wide, y: box.y * 100, width: box.w * wide, height: box.h * 100 };
        const opacity = confidence < UNSURE_BELOW ? 0.7 : 1;
        return (
          <g key={index} fill="none" opacity={opacity}>
            <rect
              {...place}
              rx="1"
              stroke="rgba(0, 0, 0, 0.6)"
              style={{ strokeWidth: '0.22rem' }}
              vectorEffect="non-scaling-stroke"
            />
            <rect
              {...place}
              rx="1"
              stroke="currentColor"
              style={{ strokeWidth: '0.105rem' }}
              vectorEffect="non-scaling-stroke"
            />
            {labelled && (
              <text
                x={place.x}
                y={Math.max(4, place.y - 1.2)}
                fontSize="3.8"
                fontWeight="600"
                fill="currentColor"
                stroke="rgba(0, 0, 0, 0.75)"
                strokeWidth="0.9"
                paintOrder="stroke"
              >
                {Math.round(confidence * 100)} %
              </text>
            )}
          </g>
        );
      })}
    </Box>
  );
}

function NoImage({ text }: { text: string }): JSX.Element {
  return (
    <Box sx={{ color: '#8796a3', textAlign: 'center', p: 2 }}>
      <CameraOffIcon />
      <Typography variant="body2">{text}</Typography>
    </Box>
  );
}

function shapeOf(image: HTMLImageElement): number {
  return image.naturalHeight > 0 ? image.naturalWidth / image.naturalHeight : 16 / 9;
}
