/** Advice that a signal is not what it was: said whole, beside pictures of before and after, and taken as normal by who knows why. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import MuiLink from '@mui/material/Link';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import { Link } from 'react-router';
import type { DriftAlert } from '../../api/drift';
import { t, word } from '../../i18n';
import { Card } from '../../kit/Card';
import { Confirm } from '../../kit/Confirm';
import { Pages } from '../../kit/Pages';
import { Segments } from '../../kit/Segments';
import { farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { useAcceptDrift, useDriftAlerts } from './queries';

export function AlertsPart({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const [open, setOpen] = useState(true);
  const query = useDriftAlerts(site, open);
  return (
    <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Segments
        label={t('drift.which')}
        value={open}
        options={[
          [true, t('drift.open')],
          [false, t('drift.over')],
        ]}
        onChange={setOpen}
      />
      <Pages query={query} empty={{ title: t('drift.none'), text: t('drift.none_text') }}>
        {(alerts, older) => (
          <>
            {alerts.map((alert) => (
              <Advice key={alert.id} site={site} alert={alert} timezone={timezone} />
            ))}
            {older}
          </>
        )}
      </Pages>
    </Box>
  );
}

interface AdviceProps {
  site: string;
  alert: DriftAlert;
  timezone: string;
}

function Advice({ site, alert, timezone }: AdviceProps): JSX.Element {
  const mayAccept = useMay('farm_manager');
  const [asking, setAsking] = useState(false);
  const accept = useAcceptDrift();
  const at = (moment: string): string => farmDateTime(Date.parse(moment), timezone);
  const { model, unit_name: unit } = alert;
  return (
    <Card>
      <Box
        data-testid="drift-alert"
        data-alert={alert.id}
        sx={{ display: 'grid', gap: 1.5, gridTemplateColumns: 'minmax(0, 1fr)' }}
      >
        <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1.5 }}>
          <Box sx={{ flex: '1 1 16rem', minWidth: 0 }}>
            <Typography variant="h2">
              {unit} · {word('signal', alert.signal)}
            </Typography>
            <Typography variant="body2" color="textSecondary">
              <MuiLink
                component={Link}
                to={`/sites/${site}/drift?unit=${alert.unit_id}&model=${model.sha256}`}
                sx={{ display: 'inline-block', py: 0.5 }}
              >
                {model.name} {model.version}
              </MuiLink>{' '}
              · {t('drift.since', { when: at(alert.started_at) })}
              {alert.ended_at !== null && ` · ${t('drift.until', { when: at(alert.ended_at) })}`}
            </Typography>
          </Box>
          {alert.ended_at === null && mayAccept && (
            <Button variant="outlined" color="inherit" onClick={() => setAsking(true)}>
              {t('drift.accept')}
            </Button>
          )}
        </Box>
        <Typography lang="en">{alert.text}</Typography>
        {alert.ended_because !== null && (
          <Typography variant="body2" color="textSecondary">
            {word('drift.ended', alert.ended_because)}
            {alert.accepted_by !== null && ` · ${t('drift.accepted_by', { who: alert.accepted_by })}`}
          </Typography>
        )}
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: 'minmax(0, 1fr)', md: '1fr 1fr' } }}>
          <Pictures
            title={t('drift.before')}
            urls={alert.before}
            alt={(n) => t('drift.image_before', { unit, n })}
          />
          <Pictures
            title={t('drift.now')}
            urls={alert.evidence}
            alt={(n) => t('drift.image_now', { unit, n })}
          />
        </Box>
      </Box>
      {asking && (
        <Confirm
          title={t('drift.accept_title', { unit })}
          text={t('drift.accept_text')}
          action={t('drift.accept')}
          pending={accept.isPending}
          error={accept.error}
          onDo={() => accept.mutate(alert.id, { onSuccess: () => setAsking(false) })}
          onClose={() => setAsking(false)}
        />
      )}
    </Card>
  );
}

interface PicturesProps {
  title: string;
  urls: readonly string[];
  alt: (n: number) => string;
}

function Pictures({ title, urls, alt }: PicturesProps): JSX.Element {
  return (
    <Box component="figure" sx={{ m: 0, minWidth: 0 }}>
      <Typography component="figcaption" variant="h3" sx={{ mb: 0.75 }}>
        {title}
      </Typography>
      {urls.length === 0 ? (
        <Typography variant="body2" color="textSecondary">
          {t('drift.no_images')}
        </Typography>
      ) : (
        <Box sx={{ display: 'grid', gap: 1, gridTemplateColumns: 'repeat(auto-fill, minmax(7.5rem, 1fr))' }}>
          {urls.map((url, index) => (
            <Box
              component="a"
              key={url}
              href={url}
              target="_blank"
              rel="noreferrer"
              sx={{ display: 'block', borderRadius: '0.375rem', overflow: 'hidden', bgcolor: '#05090c' }}
            >
              <Box
                component="img"
                src={url}
                alt={alt(index + 1)}
                loading="lazy"
                sx={{ display: 'block', width: '100%', aspectRatio: '16 / 9', objectFit: 'contain' }}
              />
            </Box>
          ))}
        </Box>
      )}
    </Box>
  );
}
