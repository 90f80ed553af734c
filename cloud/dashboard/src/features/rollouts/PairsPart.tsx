/** The shadow run in pictures: the candidate beside the active model on the same frames, those on which they differ most first. */
import Box from '@mui/material/Box';
import MuiLink from '@mui/material/Link';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { Link } from 'react-router';
import type { ModelOpinion, SamplePair } from '../../api/types';
import { numberText, t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { Card } from '../../kit/Card';
import { farmDateTime } from '../../kit/time';
import { EvidenceImage } from '../observations/EvidenceImage';
import { alone } from './pairs';
import { useSamplePairs } from './queries';

interface Props {
  model: string;
  version: string;
  timezone: string;
}

export function PairsPart({ model, version, timezone }: Props): JSX.Element {
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Typography color="textSecondary">{t('shadow.text')}</Typography>
      <Answer
        query={useSamplePairs(model, version)}
        empty={{
          when: (pairs) => pairs.length === 0,
          title: t('shadow.none'),
          text: t('shadow.none_text'),
        }}
      >
        {(pairs) => (
          <Box
            component="ul"
            aria-label={t('shadow.tab')}
            sx={{
              listStyle: 'none',
              m: 0,
              p: 0,
              display: 'grid',
              gap: 2,
              gridTemplateColumns: 'repeat(auto-fill, minmax(min(34rem, 100%), 1fr))',
            }}
          >
            {pairs.map((pair) => (
              <li key={pair.id} data-testid="sample-pair">
                <Pair pair={pair} timezone={timezone} />
              </li>
            ))}
          </Box>
        )}
      </Answer>
    </Box>
  );
}

function Pair({ pair, timezone }: { pair: SamplePair; timezone: string }): JSX.Element {
  const { active, candidate } = pair;
  const label = `${pair.unit_name ?? pair.unit} · ${pair.camera}`;
  return (
    <Card>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'baseline', columnGap: 1.5, mb: 1 }}>
        <Typography variant="h3">{label}</Typography>
        <Typography variant="body2" color="textSecondary">
          {farmDateTime(Date.parse(pair.captured_at), timezone)} ·{' '}
          {t('shadow.differ', { p: numberText(pair.score * 100, 0) })}
        </Typography>
        <MuiLink
          component={Link}
          to={`/sites/${pair.site}/labels?part=work&task=${pair.id}`}
          sx={{ ml: 'auto', py: 1 }}
        >
          {t('shadow.label')}
        </MuiLink>
      </Box>
      <Box sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: { xs: 'minmax(0, 1fr)', sm: '1fr 1fr' } }}>
        <Opinion
          title={t('shadow.active', { model: nameOf(active) })}
          pair={pair}
          mine={active}
          theirs={candidate}
        />
        <Opinion
          title={t('shadow.candidate', { model: nameOf(candidate) })}
          pair={pair}
          mine={candidate}
          theirs={active}
        />
      </Box>
    </Card>
  );
}

function nameOf({ model }: ModelOpinion): string {
  return model === null ? '–' : `${model.name} ${model.version}`;
}

interface OpinionProps {
  title: string;
  pair: SamplePair;
  mine: ModelOpinion;
  theirs: ModelOpinion;
}

function Opinion({ title, pair, mine, theirs }: OpinionProps): JSX.Element {
  const only = alone(mine.detections, theirs.detections);
  return (
    <Box component="figure" sx={{ m: 0, minWidth: 0 }}>
      <EvidenceImage
        observation={{ image_url: pair.image_url, detections: mine.detections, camera: pair.camera }}
        showBoxes
        showConfidence
        over={
          <Box
            component="svg"
            viewBox="0 0 100 100"
            preserveAspectRatio="none"
            aria-hidden="true"
            sx={{ position: 'absolute', inset: 0, width: '100%', height: '100%' }}
          >
            {only.map(({ box }, index) => (
              // Whose partner is missing is dashed and filled: a shape, not a colour alone.
              <rect
                key={index}
                x={box.x * 100}
                y={box.y * 100}
                width={box.w * 100}
                height={box.h * 100}
                fill="rgba(255, 255, 255, 0.22)"
                stroke="#ffffff"
                strokeDasharray="6 4"
                style={{ strokeWidth: '0.19rem' }}
                vectorEffect="non-scaling-stroke"
              />
            ))}
          </Box>
        }
      />
      <Typography component="figcaption" variant="body2" sx={{ mt: 0.75, overflowWrap: 'anywhere' }}>
        <b>{title}</b> · {t('shadow.found', { n: mine.detections.length })} ·{' '}
        {t('shadow.only', { n: only.length })}
      </Typography>
    </Box>
  );
}
