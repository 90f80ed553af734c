/** What the camera saw last: image with boxes, fish count with its window, and the model that made the number. */
import Box from '@mui/material/Box';
import Collapse from '@mui/material/Collapse';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import { useId, useState, type JSX } from 'react';
import type { Observation } from '../../api/types';
import { useNow, type Moment } from '../../kit/clock';
import { BoxesIcon, DownIcon } from '../../kit/icons';
import { ageText, elapsedSeconds, secondsBetween } from '../../kit/time';
import { TOUCH } from '../../kit/theme';
import { QualityFlag } from '../telemetry/QualityFlag';
import { EvidenceImage } from './EvidenceImage';
import { countText, imageTime, shortHash, spreadText, windowSeconds } from './words';

/** A picture older than this many seconds is shown as old: boxes send one every 30 s. */
const IMAGE_STALE_AFTER_S = 120;

interface Props {
  observation: Observation | null;
  serverTime: string;
  receivedAt: Moment;
  showConfidence?: boolean;
}

export function ObservationPanel({
  observation,
  serverTime,
  receivedAt,
  showConfidence,
}: Props): JSX.Element {
  if (observation === null) {
    return (
      <Box
        sx={{
          border: '1px dashed',
          borderColor: 'divider',
          borderRadius: '0.5rem',
          p: 2,
          color: 'text.secondary',
        }}
      >
        <Typography variant="body2">No camera has reported from here yet</Typography>
      </Box>
    );
  }
  return <Seen {...{ observation, serverTime, receivedAt, showConfidence: showConfidence ?? false }} />;
}

function Seen({
  observation,
  serverTime,
  receivedAt,
  showConfidence,
}: {
  observation: Observation;
  serverTime: string;
  receivedAt: Moment;
  showConfidence: boolean;
}): JSX.Element {
  const [boxes, setBoxes] = useState(true);
  const imageAge = secondsBetween(imageTime(observation), serverTime);
  const countAge = secondsBetween(observation.observed_at, serverTime);
  const stale = useNow((now) => imageAge + elapsedSeconds(receivedAt, now) > IMAGE_STALE_AFTER_S);
  const imageAgeText = useNow((now) => ageText(imageAge + elapsedSeconds(receivedAt, now)));
  const spread = spreadText(observation);
  return (
    <Box>
      <EvidenceImage
        observation={observation}
        showBoxes={boxes}
        showConfidence={showConfidence}
        dimmed={stale}
      >
        <Chip sx={{ left: '0.5rem', bottom: '0.5rem' }}>
          <Box component="span" data-testid="image-age">
            {stale ? `Stale · ${imageAgeText}` : `${imageAgeText} ago`}
          </Box>
        </Chip>
        <IconButton
          aria-label={boxes ? 'Hide the boxes' : 'Show the boxes'}
          aria-pressed={boxes}
          onClick={() => setBoxes(!boxes)}
          sx={{
            position: 'absolute',
            top: '0.375rem',
            right: '0.375rem',
            color: boxes ? 'box' : '#d7dfe6',
            bgcolor: 'rgba(5, 10, 14, 0.62)',
            '&:hover': { bgcolor: 'rgba(5, 10, 14, 0.85)' },
          }}
        >
          <BoxesIcon />
        </IconButton>
      </EvidenceImage>
      <Box sx={{ display: 'flex', alignItems: 'center', mt: 1, gap: 1 }}>
        <Box sx={{ flex: 1, minWidth: 0, color: stale ? 'stale' : 'text.primary' }}>
          <Box sx={{ display: 'flex', alignItems: 'baseline', columnGap: 0.75, flexWrap: 'wrap' }}>
            <Box
              component="span"
              data-testid="fish-count"
              sx={{ fontSize: '1.375rem', fontWeight: 650, lineHeight: 1.1 }}
            >
              {countText(observation)}
            </Box>
            <Typography component="span" variant="body2" color="text.secondary">
              fish in view{spread === null ? '' : `, ${spread}`}
            </Typography>
          </Box>
          <Typography
            variant="caption"
            color="text.secondary"
            component="div"
            sx={{ display: 'flex', gap: 1, flexWrap: 'wrap' }}
          >
            <span>mean of {windowSeconds(observation)} s</span>
            <CountAge age={countAge} receivedAt={receivedAt} />
            <QualityFlag flag={observation.quality} />
          </Typography>
        </Box>
        {observation.model !== null && <ModelToggle observation={observation} model={observation.model} />}
      </Box>
    </Box>
  );
}

function CountAge({ age, receivedAt }: { age: number; receivedAt: Moment }): JSX.Element {
  const text = useNow((now) => ageText(age + elapsedSeconds(receivedAt, now)));
  return <span title="Age of this count">{text}</span>;
}

/** Which model made the number; the hash is that of the running session. */
function ModelToggle({
  observation,
  model,
}: {
  observation: Observation;
  model: NonNullable<Observation['model']>;
}): JSX.Element {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <Box sx={{ maxWidth: '60%', textAlign: 'right' }}>
      <Box
        component="button"
        type="button"
        aria-expanded={open}
        aria-controls={id}
        title={`Model file sha256 ${model.sha256}`}
        onClick={() => setOpen(!open)}
        sx={{
          minHeight: TOUCH,
          px: 0.5,
          border: 0,
          borderRadius: '0.375rem',
          background: 'none',
          color: 'text.secondary',
          font: 'inherit',
          fontSize: '0.8125rem',
          display: 'inline-flex',
          alignItems: 'center',
          gap: 0.5,
          cursor: 'pointer',
          '&:hover': { color: 'text.primary' },
        }}
      >
        {model.name} {model.version}
        <DownIcon sx={{ fontSize: '1rem', transform: open ? 'rotate(180deg)' : 'none' }} />
      </Box>
      <Collapse in={open} id={id} timeout={120}>
        <Typography variant="caption" color="text.secondary" component="div" data-testid="model-hash">
          sha256 {shortHash(model.sha256)}…
          <br />
          {observation.frames} frames, {observation.frames_dropped} dropped
          {observation.confidence_mean !== null && (
            <>
              <br />
              confidence {Math.round(observation.confidence_mean * 100)} %
            </>
          )}
        </Typography>
      </Collapse>
    </Box>
  );
}

function Chip({ children, sx }: { children: JSX.Element; sx: object }): JSX.Element {
  return (
    <Typography
      variant="caption"
      component="div"
      sx={{
        position: 'absolute',
        px: 0.875,
        py: 0.25,
        borderRadius: '0.375rem',
        color: '#f1f5f8',
        bgcolor: 'rgba(5, 10, 14, 0.72)',
        ...sx,
      }}
    >
      {children}
    </Typography>
  );
}
