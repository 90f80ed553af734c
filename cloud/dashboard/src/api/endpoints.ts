/** One function for each path of the API that the dashboard uses. */
import { answerOf, api, doneOf, download, upload } from './client';
export * from './first';
import type { paths } from './schema';
import type {
  Alarm,
  AlarmPage,
  AlarmPerformance,
  AlarmStep,
  AnyRecord,
  ApiKey,
  Assignee,
  AuditCheck,
  AuditPage,
  Batch,
  Before,
  CalibrationChange,
  CommandList,
  Contact,
  CountResolution,
  CountSeries,
  DeadLetterOrder,
  DeadLetterPage,
  DeadLetterReasons,
  DecisionPage,
  Device,
  DeviceCommand,
  DeviceGroup,
  DeviceHealth,
  DeviceStanding,
  Explanation,
  Holding,
  Imported,
  Invitation,
  LetterAction,
  LetterChoice,
  LetterState,
  LiceStatus,
  LogLevelName,
  Login,
  MadeApiKey,
  ModelChange,
  NewApiKey,
  NewBatch,
  NewContact,
  NewInvitation,
  NewRollout,
  NewTrial,
  Notification,
  Observation,
  OneTimeToken,
  OrderKind,
  Person,
  PersonChange,
  Prediction,
  PredictionPage,
  PredictionTask,
  Proofs,
  Rationale,
  RecordKind,
  RecordPage,
  Recorded,
  ReleaseDetail,
  ReleaseRegistry,
  RolloutDevicePage,
  RolloutPage,
  RolloutView,
  Roster,
  SamplePair,
  Series,
  ShownLadders,
  SiteKpis,
  SiteLadders,
  Trial,
  TrialBoxPage,
  TrialComparison,
  TrialPage,
  Unit,
  UnitModelHealth,
  Withdrawal,
} from './types';

export function getUnit(id: number, signal: AbortSignal): Promise<Unit> {
  return answerOf(api.GET('/api/v1/units/{unit_id}', { params: { path: { unit_id: id } }, signal }));
}

export async function unitObservations(
  id: number,
  limit: number,
  signal: AbortSignal,
): Promise<Observation[]> {
  const params = { path: { unit_id: id }, query: { limit } };
  const page = await answerOf(api.GET('/api/v1/units/{unit_id}/observations', { params, signal }));
  return page.items;
}

/** When another model began to look at a unit, of which the newest some hundred. */
export async function modelChanges(
  id: number,
  startMs: number,
  endMs: number,
  signal: AbortSignal,
): Promise<ModelChange[]> {
  const query = { start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() };
  const params = { path: { unit_id: id }, query };
  const answer = await answerOf(api.GET('/api/v1/units/{unit_id}/model-changes', { params, signal }));
  return answer.items;
}

/** Fish that cameras saw at a time, as they were counted and as the newest model of that time would have counted them. */
export function unitCounts(
  id: number,
  asked: { startMs: number; endMs: number; resolution: CountResolution },
  signal: AbortSignal,
): Promise<CountSeries> {
  const query = {
    start: new Date(asked.startMs).toISOString(),
    end: new Date(asked.endMs).toISOString(),
    resolution: asked.resolution,
    cast_back: true,
  };
  const params = { path: { unit_id: id }, query };
  return answerOf(api.GET('/api/v1/units/{unit_id}/counts', { params, signal }));
}

/** How the model of each unit with a camera does, as the server looked at it last. */
export async function modelHealth(site: string, signal: AbortSignal): Promise<UnitModelHealth[]> {
  const answer = await answerOf(
    api.GET('/api/v1/sites/{site}/model-health', { params: { path: { site } }, signal }),
  );
  return answer.items;
}

export interface SeriesRange {
  startMs: number;
  endMs: number;
  maxPoints: number;
}

export function channelSeries(id: number, range: SeriesRange, signal: AbortSignal): Promise<Series> {
  const query = {
    start: new Date(range.startMs).toISOString(),
    end: new Date(range.endMs).toISOString(),
    max_points: range.maxPoints,
  };
  const params = { path: { channel_id: id }, query };
  return answerOf(api.GET('/api/v1/channels/{channel_id}/series', { params, signal }));
}

/** Alarms that are over, newest first, a page at a time. */
export function closedAlarms(site: string, cursor: string | null, signal: AbortSignal): Promise<AlarmPage> {
  const query = { site, open: false, limit: 50, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/alarms', { params: { query }, signal }));
}

export function shelveAlarm(id: string, reason: string, minutes: number): Promise<Alarm> {
  const params = { path: { alarm_id: id } };
  return answerOf(api.POST('/api/v1/alarms/{alarm_id}/shelve', { params, body: { reason, minutes } }));
}

export function unshelveAlarm(id: string): Promise<Alarm> {
  return answerOf(api.POST('/api/v1/alarms/{alarm_id}/unshelve', { params: { path: { alarm_id: id } } }));
}

export function alarmHistory(id: string, signal: AbortSignal): Promise<AlarmStep[]> {
  return answerOf(
    api.GET('/api/v1/alarms/{alarm_id}/history', { params: { path: { alarm_id: id } }, signal }),
  );
}

export interface Period {
  start: string;
  end: string;
}

export function alarmPerformance(
  site: string,
  period: Period,
  signal: AbortSignal,
): Promise<AlarmPerformance> {
  const params = { path: { site }, query: period };
  return answerOf(api.GET('/api/v1/sites/{site}/alarm-performance', { params, signal }));
}

export function alarmRationales(signal: AbortSignal): Promise<Rationale[]> {
  return answerOf(api.GET('/api/v1/alarm-rationales', { signal }));
}

export function siteLadders(site: string, signal: AbortSignal): Promise<ShownLadders> {
  return answerOf(api.GET('/api/v1/sites/{site}/ladders', { params: { path: { site } }, signal }));
}

export function setSiteLadders(site: string, body: SiteLadders): Promise<ShownLadders> {
  return answerOf(api.PUT('/api/v1/sites/{site}/ladders', { params: { path: { site } }, body }));
}

/** People who may see an alarm's site. */
export function alarmAssignees(id: string, signal: AbortSignal): Promise<Assignee[]> {
  const params = { path: { alarm_id: id } };
  return answerOf(api.GET('/api/v1/alarms/{alarm_id}/assignees', { params, signal }));
}

/** Make an alarm somebody's work, or (null) nobody's. */
export function assignAlarm(id: string, userId: number | null): Promise<Alarm> {
  const params = { path: { alarm_id: id } };
  return answerOf(api.PUT('/api/v1/alarms/{alarm_id}/assignee', { params, body: { user_id: userId } }));
}

/** Messages that an alarm has caused, newest first. */
export async function alarmMessages(
  site: string,
  alarm: string,
  signal: AbortSignal,
): Promise<Notification[]> {
  const params = { path: { site }, query: { alarm, limit: 50 } };
  const page = await answerOf(api.GET('/api/v1/sites/{site}/notifications', { params, signal }));
  return page.items;
}

export function logout(): Promise<void> {
  return doneOf(api.POST('/api/v1/auth/logout'));
}

/** Fish by unit and batch. */
export function holdings(site: string, signal: AbortSignal): Promise<Holding[]> {
  return answerOf(api.GET('/api/v1/sites/{site}/holdings', { params: { path: { site } }, signal }));
}

export async function listBatches(signal: AbortSignal): Promise<Batch[]> {
  const page = await answerOf(api.GET('/api/v1/batches', { params: { query: { limit: 200 } }, signal }));
  return page.items;
}

export function addBatch(body: NewBatch): Promise<Batch> {
  return answerOf(api.POST('/api/v1/batches', { body }));
}

export interface DiaryQuery {
  kind?: RecordKind;
  unit?: string;
  start?: string;
  cursor?: string;
  limit?: number;
}

export function listRecords(site: string, query: DiaryQuery, signal: AbortSignal): Promise<RecordPage> {
  return answerOf(api.GET('/api/v1/sites/{site}/records', { params: { path: { site }, query }, signal }));
}

export function addRecord(site: string, body: AnyRecord): Promise<Recorded> {
  return answerOf(api.POST('/api/v1/sites/{site}/records', { params: { path: { site } }, body }));
}

export function strikeRecord(id: string, reason: string): Promise<Recorded> {
  const params = { path: { record_id: id } };
  return answerOf(api.POST('/api/v1/records/{record_id}/strike', { params, body: { reason } }));
}

export function importRecords(
  site: string,
  kind: RecordKind,
  text: string,
  dryRun: boolean,
): Promise<Imported> {
  return answerOf(
    api.POST('/api/v1/sites/{site}/records/import', {
      params: { path: { site }, query: { kind, dry_run: dryRun } },
      body: text,
      bodySerializer: (body) => body,
      headers: { 'Content-Type': 'text/csv' },
    }),
  );
}

export function withdrawals(site: string, signal: AbortSignal): Promise<Withdrawal[]> {
  return answerOf(api.GET('/api/v1/sites/{site}/withdrawals', { params: { path: { site } }, signal }));
}

export function liceStatus(site: string, signal: AbortSignal): Promise<LiceStatus[]> {
  return answerOf(api.GET('/api/v1/sites/{site}/lice', { params: { path: { site } }, signal }));
}

export interface KpiQuery extends Period {
  unit?: string;
  batch?: string;
}

export function siteKpis(site: string, query: KpiQuery, signal: AbortSignal): Promise<SiteKpis> {
  return answerOf(api.GET('/api/v1/sites/{site}/kpis', { params: { path: { site }, query }, signal }));
}

export async function listDevices(site: string, signal: AbortSignal): Promise<Device[]> {
  const query = { site, limit: 200 };
  const page = await answerOf(api.GET('/api/v1/devices', { params: { query }, signal }));
  return page.items;
}

/** Asked for at once; a fleet of more than `MOST_BOXES` is looked at farm by farm. */
const BOXES_A_PAGE = 200;
export const MOST_BOXES = 2000;

interface BoxPage<T> {
  readonly items: T[];
  readonly next_cursor?: string | null;
}

/** Boxes of one farm, or of all (`null`), that were asked for page by page. */
async function everyBox<T>(
  site: string | null,
  page: (query: { site?: string; limit: number; cursor?: string }) => Promise<BoxPage<T>>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null | undefined;
  do {
    const more = await page({
      limit: BOXES_A_PAGE,
      ...(site !== null && { site }),
      ...(cursor != null && { cursor }),
    });
    found.push(...more.items);
    cursor = more.next_cursor;
  } while (cursor != null && found.length < MOST_BOXES);
  return found;
}

export function deviceHealth(site: string | null, signal: AbortSignal): Promise<DeviceHealth[]> {
  return everyBox(site, (query) => answerOf(api.GET('/api/v1/device-health', { params: { query }, signal })));
}

export function deviceStandings(site: string | null, signal: AbortSignal): Promise<DeviceStanding[]> {
  return everyBox(site, (query) =>
    answerOf(api.GET('/api/v1/device-deployments', { params: { query }, signal })),
  );
}

export function setDeviceTags(site: string, device: string, tags: string[]): Promise<Device> {
  const params = { path: { site, device } };
  return answerOf(api.PUT('/api/v1/sites/{site}/devices/{device}/tags', { params, body: { tags } }));
}

export async function listDeviceGroups(signal: AbortSignal): Promise<DeviceGroup[]> {
  const page = await answerOf(
    api.GET('/api/v1/device-groups', { params: { query: { limit: 200 } }, signal }),
  );
  return page.items;
}

export function setDeviceGroup(name: string, note: string, devices: string[]): Promise<DeviceGroup> {
  const params = { path: { group: name } };
  return answerOf(api.PUT('/api/v1/device-groups/{group}', { params, body: { note, devices } }));
}

export function deleteDeviceGroup(name: string): Promise<void> {
  return doneOf(api.DELETE('/api/v1/device-groups/{group}', { params: { path: { group: name } } }));
}

export function listReleases(signal: AbortSignal): Promise<ReleaseRegistry> {
  return answerOf(api.GET('/api/v1/releases', { signal }));
}

export function getRelease(model: string, version: string, signal: AbortSignal): Promise<ReleaseDetail> {
  const params = { path: { model, version } };
  return answerOf(api.GET('/api/v1/releases/{model}/{version}', { params, signal }));
}

export function deadLetters(
  state: LetterState,
  cursor: string | null,
  signal: AbortSignal,
): Promise<DeadLetterPage> {
  const query = { limit: 50, state, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/dead-letters', { params: { query }, signal }));
}

export function deadLetterReasons(signal: AbortSignal): Promise<DeadLetterReasons> {
  return answerOf(api.GET('/api/v1/dead-letters/reasons', { signal }));
}

export function orderDeadLetters(
  action: LetterAction,
  choice: LetterChoice,
  why: string,
): Promise<DeadLetterOrder> {
  return answerOf(api.POST('/api/v1/dead-letters/orders', { body: { action, why, ...choice } }));
}

export function deadLetterOrder(id: string, signal: AbortSignal): Promise<DeadLetterOrder> {
  const params = { path: { order_id: id } };
  return answerOf(api.GET('/api/v1/dead-letters/orders/{order_id}', { params, signal }));
}

/** A box that was away for longer does not do it. */
const COMMAND_LASTS_S = 600;

export function listCommands(site: string, device: string, signal: AbortSignal): Promise<CommandList> {
  const params = { path: { site, device } };
  return answerOf(api.GET('/api/v1/sites/{site}/devices/{device}/commands', { params, signal }));
}

export function orderDiagnostics(site: string, device: string): Promise<DeviceCommand> {
  const params = { path: { site, device } };
  const body = { name: 'diagnostics' as const, minutes: 30, lasts_s: COMMAND_LASTS_S };
  return answerOf(api.POST('/api/v1/sites/{site}/devices/{device}/commands', { params, body }));
}

export function orderLogLevel(
  site: string,
  device: string,
  level: LogLevelName,
  minutes: number,
): Promise<DeviceCommand> {
  const params = { path: { site, device } };
  const body = { name: 'log.level' as const, level, minutes, lasts_s: COMMAND_LASTS_S };
  return answerOf(api.POST('/api/v1/sites/{site}/devices/{device}/commands', { params, body }));
}

export function downloadArchive(site: string, device: string, command: string): Promise<void> {
  const path = `/api/v1/sites/${site}/devices/${device}/commands/${command}/archive`;
  return download(path, 'diagnostics.zip');
}

export function calibrations(channel: number, signal: AbortSignal): Promise<CalibrationChange[]> {
  const params = { path: { channel_id: channel } };
  return answerOf(api.GET('/api/v1/channels/{channel_id}/calibrations', { params, signal }));
}

export function listContacts(signal: AbortSignal): Promise<Contact[]> {
  return answerOf(api.GET('/api/v1/contacts', { signal }));
}

export function addContact(body: NewContact): Promise<Contact> {
  return answerOf(api.POST('/api/v1/contacts', { body }));
}

export function removeContact(id: number): Promise<void> {
  return doneOf(api.DELETE('/api/v1/contacts/{contact_id}', { params: { path: { contact_id: id } } }));
}

export function onCall(site: string, signal: AbortSignal): Promise<Roster> {
  return answerOf(api.GET('/api/v1/sites/{site}/on-call', { params: { path: { site } }, signal }));
}

export function setOnCall(site: string, body: Roster): Promise<Roster> {
  return answerOf(api.PUT('/api/v1/sites/{site}/on-call', { params: { path: { site } }, body }));
}

export function alarmPath(site: string, signal: AbortSignal): Promise<Proofs> {
  return answerOf(api.GET('/api/v1/sites/{site}/alarm-path', { params: { path: { site } }, signal }));
}

export function testAlarmPath(site: string): Promise<Proofs> {
  return answerOf(api.POST('/api/v1/sites/{site}/alarm-path/test', { params: { path: { site } } }));
}

/** What is known of a unit in the hours before a moment. */
export function before(unit: number, at: string, hours: number, signal: AbortSignal): Promise<Before> {
  const params = { path: { unit_id: unit }, query: { at, hours } };
  return answerOf(api.GET('/api/v1/units/{unit_id}/before', { params, signal }));
}

export async function listUsers(signal: AbortSignal): Promise<Person[]> {
  const page = await answerOf(api.GET('/api/v1/users', { params: { query: { limit: 200 } }, signal }));
  return page.items;
}

export function changeUser(id: number, body: PersonChange): Promise<Person> {
  return answerOf(api.PATCH('/api/v1/users/{user_id}', { params: { path: { user_id: id } }, body }));
}

export function resetUser(id: number): Promise<OneTimeToken> {
  return answerOf(api.POST('/api/v1/users/{user_id}/reset', { params: { path: { user_id: id } } }));
}

export function signUserOut(id: number): Promise<void> {
  return doneOf(api.POST('/api/v1/users/{user_id}/sign-out', { params: { path: { user_id: id } } }));
}

export async function listInvitations(signal: AbortSignal): Promise<Invitation[]> {
  const page = await answerOf(api.GET('/api/v1/invitations', { params: { query: { limit: 100 } }, signal }));
  return page.items;
}

export function invite(body: NewInvitation): Promise<OneTimeToken> {
  return answerOf(api.POST('/api/v1/invitations', { body }));
}

export function withdrawInvitation(id: number): Promise<void> {
  const params = { path: { invitation_id: id } };
  return doneOf(api.DELETE('/api/v1/invitations/{invitation_id}', { params }));
}

/** Come in by an invitation. */
export function register(token: string, name: string, password: string): Promise<Login> {
  return answerOf(api.POST('/api/v1/auth/register', { body: { token, name, password } }));
}

export function setForgottenPassword(token: string, password: string): Promise<void> {
  return doneOf(api.POST('/api/v1/auth/password/reset', { body: { token, password } }));
}

export async function listKeys(signal: AbortSignal): Promise<ApiKey[]> {
  const page = await answerOf(api.GET('/api/v1/api-keys', { params: { query: { limit: 200 } }, signal }));
  return page.items;
}

export function makeKey(body: NewApiKey): Promise<MadeApiKey> {
  return answerOf(api.POST('/api/v1/api-keys', { body }));
}

export function revokeKey(id: number): Promise<void> {
  return doneOf(api.DELETE('/api/v1/api-keys/{key_id}', { params: { path: { key_id: id } } }));
}

export interface AuditQuery {
  actor?: string;
  action?: string;
  subject?: string;
}

export function auditLog(query: AuditQuery, cursor: string | null, signal: AbortSignal): Promise<AuditPage> {
  const asked = { limit: 50, ...query, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/audit', { params: { query: asked }, signal }));
}

/** Follow the hashes of the audit log from its first entry to its last. */
export function checkAuditLog(): Promise<AuditCheck> {
  return answerOf(api.GET('/api/v1/audit/check'));
}

export function listRollouts(cursor: string | null, signal: AbortSignal): Promise<RolloutPage> {
  const query = { limit: 50, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/rollouts', { params: { query }, signal }));
}

export function getRollout(id: string, signal: AbortSignal): Promise<RolloutView> {
  return answerOf(api.GET('/api/v1/rollouts/{rollout_id}', { params: { path: { rollout_id: id } }, signal }));
}

export function rolloutDevices(
  id: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<RolloutDevicePage> {
  const params = { path: { rollout_id: id }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } };
  return answerOf(api.GET('/api/v1/rollouts/{rollout_id}/devices', { params, signal }));
}

export function rolloutDecisions(
  id: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<DecisionPage> {
  const params = { path: { rollout_id: id }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } };
  return answerOf(api.GET('/api/v1/rollouts/{rollout_id}/decisions', { params, signal }));
}

export function askRollout(wanted: NewRollout): Promise<RolloutView> {
  const body = wanted as NewRollout &
    paths['/api/v1/rollouts']['post']['requestBody']['content']['application/json'];
  return answerOf(api.POST('/api/v1/rollouts', { body }));
}

export function orderRollout(id: string, kind: OrderKind, reason: string): Promise<RolloutView> {
  const params = { path: { rollout_id: id } };
  return answerOf(api.POST('/api/v1/rollouts/{rollout_id}/orders', { params, body: { kind, reason } }));
}

/** A second person's word; the reason may be empty. */
export function approveRollout(id: string, reason: string): Promise<RolloutView> {
  const params = { path: { rollout_id: id } };
  return answerOf(api.POST('/api/v1/rollouts/{rollout_id}/approval', { params, body: { reason } }));
}

export function listTrials(cursor: string | null, signal: AbortSignal): Promise<TrialPage> {
  const query = { limit: 50, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/unit-trials', { params: { query }, signal }));
}

export function getTrial(id: string, signal: AbortSignal): Promise<Trial> {
  return answerOf(api.GET('/api/v1/unit-trials/{trial_id}', { params: { path: { trial_id: id } }, signal }));
}

export function trialBoxes(id: string, cursor: string | null, signal: AbortSignal): Promise<TrialBoxPage> {
  const params = { path: { trial_id: id }, query: { limit: 100, ...(cursor === null ? {} : { cursor }) } };
  return answerOf(api.GET('/api/v1/unit-trials/{trial_id}/boxes', { params, signal }));
}

export function compareTrial(id: string, signal: AbortSignal): Promise<TrialComparison> {
  const params = { path: { trial_id: id } };
  return answerOf(api.GET('/api/v1/unit-trials/{trial_id}/comparison', { params, signal }));
}

export function askTrial(wanted: NewTrial): Promise<Trial> {
  const body = wanted as NewTrial &
    paths['/api/v1/unit-trials']['post']['requestBody']['content']['application/json'];
  return answerOf(api.POST('/api/v1/unit-trials', { body }));
}

export function approveTrial(id: string, reason: string): Promise<Trial> {
  const params = { path: { trial_id: id } };
  return answerOf(api.POST('/api/v1/unit-trials/{trial_id}/approval', { params, body: { reason } }));
}

export function endTrial(id: string, reason: string): Promise<Trial> {
  const params = { path: { trial_id: id } };
  return answerOf(api.POST('/api/v1/unit-trials/{trial_id}/end', { params, body: { reason } }));
}

export function adoptTrial(id: string, backTo: string | null): Promise<RolloutView> {
  const params = { path: { trial_id: id } };
  return answerOf(api.POST('/api/v1/unit-trials/{trial_id}/adoption', { params, body: { back_to: backTo } }));
}

/** Frames that a candidate and the active model saw differently, those that differ most first. */
export async function samplePairs(
  model: string,
  version: string,
  signal: AbortSignal,
): Promise<SamplePair[]> {
  const params = { query: { model, version } };
  return (await answerOf(api.GET('/api/v1/samples/pairs', { params, signal }))).items;
}

/** What the active model says of a picture. */
export function predict(file: File, task: PredictionTask, unitId: number | null): Promise<Prediction> {
  const form = new FormData();
  form.set('file', file);
  form.set('task', task);
  form.set('all_probabilities', 'true');
  if (unitId !== null) form.set('unit_id', String(unitId));
  return upload('/api/v1/ml/predict', form);
}

/** Which parts of a picture the active classifier's answer rests on. */
export function explain(file: File): Promise<Explanation> {
  const form = new FormData();
  form.set('file', file);
  return upload('/api/v1/ml/explain', form);
}

export function pastPredictions(cursor: string | null, signal: AbortSignal): Promise<PredictionPage> {
  const query = { limit: 25, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/predictions/history', { params: { query }, signal }));
}
