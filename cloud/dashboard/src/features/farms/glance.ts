/**
 * The first picture of a wall, seconds before React has one on a phone: each unit with its risk, its water with the age of every value,
 * and its open alarms, which can be acknowledged. It says what the tiles of React say, by the same rules and words, and nothing more;
 * it grows old by the second as they do, and React's first picture takes its place.
 */
import './glance.css';
import { acknowledgeAlarm } from '../../api/first';
import type { Alarm, LatestReading, Severity, UnitLatest } from '../../api/types';
import { t } from '../../i18n';
import { drawing, make } from '../../kit/dom';
import { MARK, MARK_VIEW } from '../../kit/mark';
import { moment, type Moment } from '../../kit/moment';
import { ageText, elapsedSeconds, farmClock } from '../../kit/time';
import {
  countBySeverity,
  inAlarmOrder,
  messageOf,
  SEVERITIES,
  severityText,
  stateText,
  tidy,
  worstActive,
} from '../alarms/order';
import { SHAPES, SIGNS } from '../alarms/shapes';
import { reaches } from '../auth/rules';
import { presentSession } from '../auth/session';
import { flagReason, qualityLook } from '../telemetry/quality';
import { isStale, readingAgeText, UNCONFIRMED_AFTER_S } from '../telemetry/staleness';
import { inReadingOrder, LARGE, quantityText, shortLabel, shownOf } from '../telemetry/units';
import type { FirstLook } from './firstLook';
import { byRisk, riskOf, type Risk } from './risk';
import { unitLine } from './words';

/** The worst, and more than a screen holds: a wall of hundreds is React's. */
const DRAWN = 40;
const ALARMS_SHOWN = 2;
const TICK_MS = 1000;

/** What is asked again every second. */
type Update = (now: Moment) => void;

/** Draw it. A tile that is tapped before React is here tells where its unit is, and says that it is on its way. */
export function glance(look: FirstLook, open: (path: string) => void): HTMLElement {
  const updates: Update[] = [];
  const counts = make('div', { class: 'glance-counts' });
  updates.push(
    changed(
      () => look.alarms,
      (alarms) => counts.replaceChildren(...countsOf(alarms)),
    ),
  );
  const silence = make('p', { class: 'glance-silence', role: 'alert', hidden: true });
  updates.push(
    changed(
      (now) => silenceText(look, now),
      (text) => {
        silence.hidden = text === null;
        silence.textContent = text;
      },
    ),
  );
  const tiles = byRisk(look.latest.units).slice(0, DRAWN);
  const page = make(
    'div',
    { class: 'glance', 'data-testid': 'glance' },
    make(
      'header',
      {},
      drawing(MARK_VIEW, MARK, { class: 'glance-mark' }),
      make('strong', {}, look.latest.site.name),
      counts,
    ),
    silence,
    make(
      'main',
      {},
      make('h1', { class: 'glance-unseen' }, t('wall.title', { farm: look.latest.site.name })),
      ...tiles.map((unit) => tileOf(unit, look, open, updates)),
    ),
  );
  const tick = (): void => {
    const now = moment();
    for (const update of updates) update(now);
  };
  tick();
  const again = (): void => {
    if (page.isConnected) {
      tick();
    } else {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', again);
    }
  };
  const timer = setInterval(again, TICK_MS);
  // A phone that wakes shows nothing as it was before it slept.
  document.addEventListener('visibilitychange', again);
  return page;
}

/** What React's banner says: nothing here is asked again, so that what lasts too long may not pass for the present. */
function silenceText({ latest, receivedAt }: FirstLook, now: Moment): string | null {
  const silent = elapsedSeconds(receivedAt, now);
  if (silent <= UNCONFIRMED_AFTER_S) return null;
  const at = farmClock(Date.parse(latest.server_time), latest.site.timezone);
  return `${t('link.since', { at, age: ageText(silent) })} ${t('link.last_heard')}`;
}

function tileOf(
  latest: UnitLatest,
  look: FirstLook,
  open: (path: string) => void,
  updates: Update[],
): HTMLElement {
  const { unit, readings } = latest;
  const mine = (): Alarm[] => look.alarms.filter((alarm) => alarm.unit?.id === unit.id);
  const path = `/units/${unit.id}`;
  const badge = make('span', { class: 'glance-risk' });
  const line = make('span', { class: 'glance-line' }, unitLine(unit));
  const link = make('a', { href: path }, make('h2', {}, unit.name), badge, line);
  link.addEventListener('click', (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    line.textContent = t('state.loading');
    link.setAttribute('aria-busy', 'true');
    open(path);
  });
  const alarms = make('ul', { 'aria-label': t('alarms.open') });
  const ordered = inReadingOrder(readings);
  const tile = make(
    'article',
    { 'aria-label': unit.name, 'data-testid': 'glance-tile', 'data-unit': unit.slug },
    link,
    values(
      ordered.filter((reading) => LARGE.has(reading.quantity)),
      'hero',
      mine(),
      look.receivedAt,
      updates,
    ),
    values(
      ordered.filter((reading) => !LARGE.has(reading.quantity)),
      'normal',
      mine(),
      look.receivedAt,
      updates,
    ),
    ordered.length === 0 ? make('p', { class: 'glance-none' }, t('water.none')) : null,
    // Where the picture will be.
    make('div', { class: 'glance-picture' }),
    alarms,
  );
  const risk = (now: Moment): Risk => riskOf(latest, (reading) => isStale(reading, look.receivedAt, now));
  updates.push(
    changed(risk, (is) => {
      tile.dataset['risk'] = is;
      badge.replaceChildren(...badgeOf(is));
    }),
    changed(
      () => look.alarms,
      () => alarms.replaceChildren(...linesOf(mine(), look)),
    ),
  );
  return tile;
}

function values(
  readings: readonly LatestReading[],
  size: 'hero' | 'normal',
  alarms: readonly Alarm[],
  receivedAt: Moment,
  updates: Update[],
): HTMLElement | null {
  if (readings.length === 0) return null;
  const cells = readings.map((reading) => {
    const { value, unit } = shownOf(reading);
    const alarm = worstActive(alarms, reading.quantity);
    const look = qualityLook(reading.quality);
    const why = look.trusted ? null : flagReason(reading);
    const age = make('span', { class: 'glance-age' });
    const name = size === 'hero' ? quantityText : shortLabel;
    const label = name(reading.quantity, reading.label);
    const cell = make(
      'div',
      { class: 'glance-value', 'data-testid': `glance-${reading.quantity}` },
      make('div', { class: 'glance-label', title: label }, alarm === null ? null : shapeOf(alarm), label),
      make('div', {}, make('b', alarm === null ? {} : { 'data-severity': alarm }, value), ` ${unit}`),
      make(
        'div',
        { class: 'glance-about' },
        age,
        make('span', look.trusted ? {} : { class: 'glance-doubt' }, look.label),
        why,
      ),
    );
    updates.push(
      changed(
        (now) => readingAgeText(reading, receivedAt, now),
        (text) => (age.textContent = text),
      ),
      changed(
        (now) => isStale(reading, receivedAt, now),
        (stale) => (cell.dataset['stale'] = String(stale)),
      ),
    );
    return cell;
  });
  return make('div', { class: `glance-values glance-${size}` }, ...cells);
}

function linesOf(alarms: readonly Alarm[], look: FirstLook): HTMLElement[] {
  const ordered = inAlarmOrder(alarms);
  const more = ordered.length - ALARMS_SHOWN;
  const lines = ordered
    .slice(0, ALARMS_SHOWN)
    .map((alarm) =>
      make(
        'li',
        { class: alarm.active && !alarm.acknowledged ? 'glance-loud' : '', 'data-testid': 'glance-alarm' },
        shapeOf(alarm.severity, !alarm.active),
        make(
          'div',
          {},
          make('p', {}, tidy(messageOf(alarm))),
          make('small', {}, `${severityText(alarm.severity)} · ${stateText(alarm)}`),
        ),
        acknowledgeButton(alarm, look),
      ),
    );
  if (more > 0) lines.push(make('li', {}, t('alarms.more', { n: more })));
  return lines;
}

function acknowledgeButton(alarm: Alarm, look: FirstLook): HTMLElement | null {
  const role = presentSession()?.user.role;
  if (alarm.acknowledged || role === undefined || !reaches(role, 'operator')) return null;
  const name = `${t('alarms.ack')}: ${messageOf(alarm)}`;
  const button = make('button', { type: 'button', 'aria-label': name }, t('alarms.ack'));
  const failed = make('p', { role: 'alert' });
  const acknowledge = async (): Promise<void> => {
    failed.remove();
    button.disabled = true;
    button.textContent = t('state.sending');
    try {
      const answered = await acknowledgeAlarm(alarm.id);
      look.alarms = look.alarms
        .map((each) => (each.id === answered.id ? answered : each))
        .filter((each) => each.active || !each.acknowledged);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      failed.textContent = t('alarms.ack_failed', { why });
      button.after(failed);
      button.disabled = false;
      button.textContent = t('alarms.ack');
    }
  };
  button.addEventListener('click', () => void acknowledge());
  return button;
}

function countsOf(alarms: readonly Alarm[]): Node[] {
  const counts = countBySeverity(alarms);
  const active = countBySeverity(alarms.filter((alarm) => alarm.active));
  return SEVERITIES.map((severity) =>
    make(
      'span',
      { title: severityText(severity), class: counts[severity] === 0 ? 'glance-quiet' : '' },
      shapeOf(severity, active[severity] === 0),
      String(counts[severity]),
      make('span', { class: 'glance-unseen' }, ` ${severityText(severity)}`),
    ),
  );
}

function badgeOf(risk: Risk): (Node | string)[] {
  if (risk === 'normal' || risk === 'silent' || risk === 'stale') return [t(`risk.${risk}`)];
  return [shapeOf(risk), severityText(risk)];
}

function shapeOf(severity: Severity, hollow = false): SVGElement {
  const paths: Record<string, string>[] = [{ d: SHAPES[severity] }];
  const sign = hollow ? undefined : SIGNS[severity];
  if (sign !== undefined) paths.push({ d: sign, class: 'glance-sign' });
  return drawing('0 0 24 24', paths, {
    class: hollow ? 'glance-shape glance-hollow' : 'glance-shape',
    'data-severity': severity,
  });
}

/** Draws again only when the answer has changed: a button under a finger stays the same button. */
function changed<T>(question: (now: Moment) => T, draw: (answer: T) => void): Update {
  let last: T | undefined;
  return (now) => {
    const answer = question(now);
    if (answer === last) return;
    last = answer;
    draw(answer);
  };
}
