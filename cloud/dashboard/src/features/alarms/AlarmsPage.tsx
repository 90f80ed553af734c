/** All alarms of a farm: the open ones with everything behind them, those that are over, and how well alarms serve. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Switch from '@mui/material/Switch';
import FormControlLabel from '@mui/material/FormControlLabel';
import { useState, type JSX } from 'react';
import { useParams } from 'react-router';
import type { Alarm } from '../../api/types';
import { t } from '../../i18n';
import { Answer } from '../../kit/Answer';
import { useNow } from '../../kit/clock';
import { CheckIcon, SilentIcon, SoundIcon } from '../../kit/icons';
import { PageTitle } from '../../kit/PageTitle';
import { Pages } from '../../kit/Pages';
import { Failed, Loading, Note } from '../../kit/States';
import { Table } from '../../kit/Table';
import { Tabs } from '../../kit/Tabs';
import { ageText, farmDateTime } from '../../kit/time';
import { useMay } from '../auth/useMay';
import { FarmFrame, type FarmView } from '../farms/FarmFrame';
import { AlarmCard } from './AlarmCard';
import { AlarmDetail } from './AlarmDetail';
import { AssignDialog } from './AssignDialog';
import { isShelved, rationaleOf } from './escalation';
import { inAlarmOrder, messageOf, severityText, tidy } from './order';
import { Performance } from './Performance';
import { useClosedAlarms, useLadders, useRationales, useUnshelve } from './queries';
import { SeverityMark } from './SeverityMark';
import { ShelveDialog } from './ShelveDialog';
import { setSoundWanted, useSoundWanted } from './sound';

export default function AlarmsPage(): JSX.Element {
  const { site = '' } = useParams();
  return (
    <FarmFrame site={site} rail={false}>
      {(view) => (
        <>
          <PageTitle title={t('alarms.title')} text={t('alarms.text')}>
            <SoundSwitch />
          </PageTitle>
          <Tabs
            label={t('alarms.title')}
            parts={[
              { key: 'open', label: t('alarms.open'), content: () => <Open site={site} {...view} /> },
              {
                key: 'over',
                label: t('alarms.over'),
                content: () => <Over site={site} timezone={view.snapshot.latest.site.timezone} />,
              },
              {
                key: 'performance',
                label: t('alarms.performance'),
                content: () => <Performance site={site} />,
              },
              { key: 'why', label: t('alarms.why'), content: () => <Why /> },
            ]}
          />
        </>
      )}
    </FarmFrame>
  );
}

function SoundSwitch(): JSX.Element {
  const wanted = useSoundWanted();
  return (
    <FormControlLabel
      sx={{ mr: 0, minHeight: '2.75rem', gap: 0.5 }}
      control={<Switch checked={wanted} onChange={(_event, on) => setSoundWanted(on)} />}
      label={
        <Box component="span" sx={{ display: 'inline-flex', alignItems: 'center', gap: 1 }}>
          {wanted ? <SoundIcon /> : <SilentIcon />}
          {t('alarms.sound')}
        </Box>
      }
    />
  );
}

function Open({ site, snapshot, open, skewMs }: FarmView & { site: string }): JSX.Element {
  const ladders = useLadders(site);
  const rationales = useRationales();
  const [chosen, setChosen] = useState<string | null>(null);
  const [shelving, setShelving] = useState<Alarm | null>(null);
  const [assigning, setAssigning] = useState<Alarm | null>(null);
  const mayAct = useMay('operator');
  if (!open.known) return open.error === null ? <Loading /> : <Failed error={open.error} />;
  if (open.alarms.length === 0) {
    return <Note icon={<CheckIcon />} title={t('alarms.none')} text={t('alarms.none_text')} />;
  }
  return (
    <Box sx={{ display: 'grid', gap: 1.5, maxWidth: '64rem' }}>
      {inAlarmOrder(open.alarms).map((alarm) => (
        <AlarmCard
          key={alarm.id}
          alarm={alarm}
          skewMs={skewMs}
          actions={
            <>
              <ShelfButton alarm={alarm} skewMs={skewMs} onShelve={() => setShelving(alarm)} />
              {mayAct && (
                <Button color="inherit" onClick={() => setAssigning(alarm)}>
                  {t('assign.open')}
                </Button>
              )}
              <Button
                color="inherit"
                aria-expanded={chosen === alarm.id}
                onClick={() => setChosen(chosen === alarm.id ? null : alarm.id)}
              >
                {chosen === alarm.id ? t('action.less') : t('action.more')}
              </Button>
            </>
          }
        >
          {chosen === alarm.id && (
            <AlarmDetail
              alarm={alarm}
              ladder={ladders.data?.ladders[alarm.severity]}
              rationale={rationaleOf(rationales.data ?? [], alarm.definition)}
              timezone={snapshot.latest.site.timezone}
              skewMs={skewMs}
            />
          )}
        </AlarmCard>
      ))}
      {assigning !== null && <AssignDialog alarm={assigning} onClose={() => setAssigning(null)} />}
      {shelving !== null && <ShelveDialog alarm={shelving} onClose={() => setShelving(null)} />}
    </Box>
  );
}

interface ShelfProps {
  alarm: Alarm;
  skewMs: number;
  onShelve: () => void;
}

function ShelfButton({ alarm, skewMs, onShelve }: ShelfProps): JSX.Element | null {
  const mayAct = useMay('operator');
  const unshelve = useUnshelve();
  const shelved = useNow((now) => isShelved(alarm, now.wallMs + skewMs));
  if (!mayAct || !alarm.active) return null;
  if (shelved) {
    return (
      <Button color="inherit" disabled={unshelve.isPending} onClick={() => unshelve.mutate({ alarm })}>
        {t('shelve.undo')}
      </Button>
    );
  }
  return (
    <Button color="inherit" onClick={onShelve}>
      {t('shelve.open')}
    </Button>
  );
}

function Over({ site, timezone }: { site: string; timezone: string }): JSX.Element {
  const query = useClosedAlarms(site);
  const clock = (at: string): string => farmDateTime(Date.parse(at), timezone);
  return (
    <Pages query={query} empty={{ title: t('alarms.none_over') }}>
      {(rows, older) => (
        <>
          <Table
            label={t('alarms.over')}
            rows={rows}
            rowKey={(alarm) => alarm.id}
            columns={[
              {
                head: t('column.severity'),
                cell: (alarm) => (
                  <Box sx={{ display: 'flex', gap: 1, alignItems: 'center' }}>
                    <SeverityMark severity={alarm.severity} hollow silent />
                    {severityText(alarm.severity)}
                  </Box>
                ),
              },
              { head: t('column.unit'), cell: (alarm) => alarm.unit?.name ?? '–' },
              { head: t('column.what'), cell: (alarm) => tidy(messageOf(alarm)) },
              { head: t('column.raised'), cell: (alarm) => clock(alarm.raised_at) },
              {
                head: t('column.lasted'),
                cell: (alarm) =>
                  alarm.cleared_at === null
                    ? '–'
                    : ageText((Date.parse(alarm.cleared_at) - Date.parse(alarm.raised_at)) / 1000),
              },
              { head: t('column.acknowledged_by'), cell: (alarm) => alarm.acknowledged_by ?? '–' },
            ]}
          />
          {older}
        </>
      )}
    </Pages>
  );
}

function Why(): JSX.Element {
  const query = useRationales();
  return (
    <Answer query={query} empty={{ when: (all) => all.length === 0, title: t('state.nothing') }}>
      {(all) => (
        <Table
          label={t('alarms.why')}
          rows={all}
          rowKey={(each) => each.definition}
          columns={[
            { head: t('column.alarm'), cell: (each) => <code>{each.definition}</code> },
            { head: t('alarms.consequence'), cell: (each) => each.consequence },
            { head: t('alarms.instruction'), cell: (each) => each.instruction },
            { head: t('column.respond'), cell: (each) => ageText(each.respond_within_s) },
            {
              head: t('column.owner'),
              cell: (each) =>
                each.shipped ? t('alarms.shipped') : `${each.owner}, ${each.reviewed_by ?? ''}`,
            },
          ]}
        />
      )}
    </Answer>
  );
}
