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
import { TOUCH } from '../../kit/tokens';
import { QualityFlag } from '../telemetry/QualityFlag';
import { EvidenceImage } from './EvidenceImage';
import {
  countText,
  HEALTH_SIGNS,
  imageTime,
  imageQualityText,
  modelHealthOf,
  modelHealthText,
  shortHash,
  spreadText,
  viewReason,
  windowSeconds,
  type Verdict,
} from './words';
import { t } from '../../i18n';

/** A picture older than this many seconds is shown as old: boxes send one every 30 s. */
const IMAGE_STALE_AFTER_S = 120;

/** A count older than this is: a window ends every 10 s. */
const COUNT_STALE_AFTER_S = 60;

interface Props {
  /** The newest count. */
  observation: Observation | null;
  /** The newest observation whose image has arrived; it may be older than the count. */
  evidence: Observation | null;
  serverTime: string;
  receivedAt: Moment;
  /** How the server found the model; undefined while it has not told. */
  verdict: Verdict | undefined;
  showConfidence?: boolean;
}

export function ObservationPanel({ observation, evidence, ...rest }: Props): JSX.Element {
  if (observation === null) {
    return (
      <Box
        sx={{
          aspectRatio: '16 / 9',
          display: 'grid',
          placeItems: 'center',
          border: '1px dashed',
          borderColor: 'divider',
          borderRadius: '0.5rem',
          p: 2,
          color: 'text.secondary',
        }}
      >
        <Typography variant="body2">{t('images.no_camera')}</Typography>
      </Box>
    );
  }
  return (
    <Box>
      <Picture observation={evidence ?? observation} {...rest} />
      <Count observation={observation} {...rest} />
    </Box>
  );
}

type Seen = Omit<Props, 'observation' | 'evidence'> & { observation: Observation };

function Picture({ observation, serverTime, receivedAt, showConfidence = false }: Seen): JSX.Element {
  const [boxes, setBoxes] = useState(true);
  const ageThen = secondsBetween(imageTime(observation), serverTime);
  const stale = useNow((now) => ageThen + elapsedSeconds(receivedAt, now) > IMAGE_STALE_AFTER_S);
  const age = useNow((now) => ageText(ageThen + elapsedSeconds(receivedAt, now)));
  return (
    <EvidenceImage observation={observation} showBoxes={boxes} showConfidence={showConfidence} dimmed={stale}>
      <Typography variant="caption" component="div" data-testid="image-age" sx={chipSx}>
        {stale ? `${t('age.stale')} · ${age}` : t('age.ago', { age })}
      </Typography>
      <IconButton
        aria-label={boxes ? t('images.hide_boxes') : t('images.show_boxes')}
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
  );
}

const chipSx = {
  position: 'absolute',
  left: '0.5rem',
  bottom: '0.5rem',
  px: 0.875,
  py: 0.25,
  borderRadius: '0.375rem',
  color: '#f1f5f8',
  bgcolor: 'rgba(5, 10, 14, 0.72)',
};

function Count({ observation, serverTime, receivedAt, verdict }: Seen): JSX.Element {
  const [open, setOpen] = useState(false);
  const details = useId();
  const ageThen = secondsBetween(observation.observed_at, serverTime);
  const stale = useNow((now) => ageThen + elapsedSeconds(receivedAt, now) > COUNT_STALE_AFTER_S);
  const age = useNow((now) => ageText(ageThen + elapsedSeconds(receivedAt, now)));
  const spread = spreadText(observation);
  const health = modelHealthOf(observation, stale, verdict);
  const healthText = modelHealthText(health, verdict);
  return (
    <Box sx={{ mt: 0.25, color: stale ? 'stale' : 'text.primary' }}>
      <Box sx={{ display: 'flex', alignItems: 'center', flexWrap: 'wrap', columnGap: 1, minHeight: TOUCH }}>
        <Typography
          component="div"
          variant="body2"
          sx={{ flex: 1, whiteSpace: 'nowrap' }}
          title={t('images.spread')}
        >
          <Box
            component="span"
            data-testid="fish-count"
            sx={{ fontSize: '1.5rem', fontWeight: 650, lineHeight: 1.15 }}
          >
            {countText(observation)}
          </Box>
          {` ${t('images.fish')}`}
          {spread !== null && ` (${spread})`}
        </Typography>
        {observation.model !== null && (
          <Box
            component="button"
            type="button"
            aria-expanded={open}
            aria-controls={details}
            title={`sha256 ${observation.model.sha256}`}
            data-health={health}
            onClick={() => setOpen(!open)}
            sx={modelButtonSx}
          >
            <Box
              component="span"
              role="img"
              aria-label={healthText}
              title={healthText}
              sx={{ color: health === 'well' ? 'live' : health === 'doubtful' ? 'severity.minor' : 'stale' }}
            >
              {HEALTH_SIGNS[health]}
            </Box>
            {observation.model.name} {observation.model.version}
            <DownIcon sx={{ fontSize: '1rem', transform: open ? 'rotate(180deg)' : 'none' }} />
          </Box>
        )}
      </Box>
      <Typography
        variant="caption"
        color="textSecondary"
        component="div"
        sx={{ display: 'flex', columnGap: 1.5, flexWrap: 'wrap' }}
      >
        <span>{stale ? `${t('age.stale')} ${age}` : t('age.ago', { age })}</span>
        <span>{t('images.mean_of', { s: windowSeconds(observation) })}</span>
        <QualityFlag flag={observation.quality} why={viewReason(observation)} />
      </Typography>
      <Collapse in={open} id={details} timeout={120}>
        <Provenance observation={observation} />
      </Collapse>
    </Box>
  );
}

const modelButtonSx = {
  minHeight: TOUCH,
  p: 0,
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
};

/** What stands behind the number; the hash is that of the running session. */
function Provenance({ observation }: { observation: Observation }): JSX.Element {
  const {
    model,
    frames,
    frames_dropped: dropped,
    confidence_mean: confidence,
    latency_ms: latency,
  } = observation;
  const viewed = imageQualityText(observation);
  return (
    <Typography
      variant="caption"
      color="textSecondary"
      component="div"
      data-testid="model-hash"
      sx={{ pt: 0.5 }}
    >
      {viewed !== null && <div data-testid="image-quality">{viewed}</div>}
      {model !== null && <div>{t('images.model_file', { hash: shortHash(model.sha256) })}</div>}
      <div>
        {t('images.frames', { frames, dropped })}
        {confidence !== null && `, ${t('images.confidence', { percent: Math.round(confidence * 100) })}`}
        {latency !== null && `, ${t('images.latency', { ms: Math.round(latency) })}`}
      </div>
    </Typography>
  );
}
