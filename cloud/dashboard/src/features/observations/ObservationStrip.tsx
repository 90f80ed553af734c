/** The last observations of a unit as a strip of pictures with boxes; a tap enlarges one. */
import Box from '@mui/material/Box';
import Skeleton from '@mui/material/Skeleton';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { unitObservations } from '../../api/endpoints';
import type { Observation } from '../../api/types';
import { farmDateTime } from '../../kit/time';
import { WrongButton } from '../labels/WrongButton';
import { EvidenceImage } from './EvidenceImage';
import { countText, imageTime, shortHash, spreadText } from './words';
import { t } from '../../i18n';

/** Observations come every 10 s and pictures every 30 s: this reaches back about six minutes. */
const ASKED = 36;
const SHOWN = 12;

export function ObservationStrip({ unitId, timezone }: { unitId: number; timezone: string }): JSX.Element {
  const [chosen, setChosen] = useState<string | null>(null);
  const query = useQuery({
    queryKey: ['observations', unitId],
    queryFn: ({ signal }) => unitObservations(unitId, ASKED, signal),
    refetchInterval: 10_000,
  });
  if (query.data === undefined) {
    return query.isError ? (
      <Typography color="textSecondary">
        {query.error.message} {t('state.retrying')}
      </Typography>
    ) : (
      <Skeleton variant="rounded" sx={{ height: '8.5rem' }} />
    );
  }
  const pictured = onePerImage(query.data).slice(0, SHOWN);
  if (pictured.length === 0) {
    return <Typography color="textSecondary">{t('images.none')}</Typography>;
  }
  const large = pictured.find((item) => item.id === chosen);
  return (
    <Box>
      <Box sx={{ display: 'flex', gap: 1.25, overflowX: 'auto', pb: 1, scrollSnapType: 'x proximity' }}>
        {pictured.map((item) => (
          <Thumbnail
            key={item.id}
            item={item}
            timezone={timezone}
            chosen={item.id === chosen}
            onChoose={() => setChosen(item.id === chosen ? null : item.id)}
          />
        ))}
      </Box>
      {large !== undefined && <Enlarged item={large} timezone={timezone} />}
    </Box>
  );
}

interface ThumbnailProps {
  item: Observation;
  timezone: string;
  chosen: boolean;
  onChoose: () => void;
}

function Thumbnail({ item, timezone, chosen, onChoose }: ThumbnailProps): JSX.Element {
  return (
    <Box
      component="button"
      type="button"
      aria-pressed={chosen}
      data-testid="observation"
      onClick={() => onChoose()}
      sx={{
        flex: '0 0 11rem',
        p: 0.5,
        textAlign: 'left',
        font: 'inherit',
        color: 'inherit',
        background: 'none',
        border: '2px solid',
        borderColor: chosen ? 'primary.main' : 'transparent',
        borderRadius: '0.625rem',
        cursor: 'pointer',
        scrollSnapAlign: 'start',
      }}
    >
      <EvidenceImage observation={item} showBoxes />
      <Typography variant="caption" component="div" sx={{ mt: 0.5, fontWeight: 600 }}>
        {countText(item)} {t('images.fish')}
      </Typography>
      <Typography variant="caption" component="div" color="textSecondary">
        {farmDateTime(Date.parse(imageTime(item)), timezone)}
      </Typography>
    </Box>
  );
}

function Enlarged({ item, timezone }: { item: Observation; timezone: string }): JSX.Element {
  const spread = spreadText(item);
  return (
    <Box sx={{ mt: 1.5, maxWidth: '60rem' }}>
      <EvidenceImage observation={item} showBoxes showConfidence />
      <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
        {farmDateTime(Date.parse(imageTime(item)), timezone)} · {item.camera} · {countText(item)}{' '}
        {t('images.fish')}
        {spread !== null && ` (${spread})`} · {t('images.marked', { n: item.detections.length })}
        {item.model !== null &&
          ` · ${item.model.name} ${item.model.version}, sha256 ${shortHash(item.model.sha256)}…`}
      </Typography>
      <Box sx={{ mt: 1 }}>
        <WrongButton key={item.id} subject="observation" subjectId={item.id} />
      </Box>
    </Box>
  );
}

/** Windows without a picture have nothing to show in a strip. */
function onePerImage(items: readonly Observation[]): Observation[] {
  const seen = new Set<string>();
  return items.filter(({ image_url: url, image_sha256: hash }) => {
    if (url === null) return false;
    const key = hash ?? url;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
