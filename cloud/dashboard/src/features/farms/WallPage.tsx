/** The farm wall: every unit of a farm as a tile, the one that needs a person first. */
import Box from '@mui/material/Box';
import { useMemo, type JSX } from 'react';
import { useParams } from 'react-router';
import { visuallyHidden } from '../../kit/hidden';
import { Note } from '../../kit/States';
import { startOfDayMs } from '../../kit/time';
import { WhileInSight } from '../../kit/WhileInSight';
import { useToday } from '../husbandry/queries';
import { useModelHealth } from '../observations/queries';
import { FarmFrame, type FarmView } from './FarmFrame';
import { byRisk } from './risk';
import { UnitTile } from './UnitTile';
import { t } from '../../i18n';

export function WallPage(): JSX.Element {
  const { site } = useParams();
  return <FarmFrame site={site}>{(view) => <Wall {...view} />}</FarmFrame>;
}

function Wall({ snapshot: { latest, receivedAt }, open }: FarmView): JSX.Element {
  const units = useMemo(() => byRisk(latest.units), [latest.units]);
  const dayMs = startOfDayMs(Date.parse(latest.server_time), latest.site.timezone);
  const today = useToday(latest.site.slug, dayMs);
  const verdicts = useModelHealth(latest.site.slug);
  if (units.length === 0) {
    return <Note title={t('wall.none')} text={t('wall.none_text')} />;
  }
  return (
    <>
      <Box component="h1" sx={visuallyHidden}>
        {t('wall.title', { farm: latest.site.name })}
      </Box>
      <Box
        sx={{
          display: 'grid',
          gridTemplateColumns: 'repeat(auto-fit, minmax(min(19.5rem, 100%), 1fr))',
          gap: 2,
        }}
      >
        {units.map((unit) => (
          <WhileInSight key={unit.unit.id}>
            <UnitTile
              latest={unit}
              alarms={open.alarms}
              serverTime={latest.server_time}
              receivedAt={receivedAt}
              today={today}
              verdict={verdicts.get(unit.unit.id)}
            />
          </WhileInSight>
        ))}
      </Box>
    </>
  );
}
