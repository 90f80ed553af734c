/** The API's shapes under the words of this code. `schema.d.ts` is generated: `npm run types`. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Alarm = Schemas['Alarm'];
export type AlarmPage = Schemas['AlarmPage'];
export type AlarmPerformance = Schemas['AlarmPerformance'];
export type AlarmStep = Schemas['AlarmStep'];
export type Detection = Schemas['Detection'];
export type Device = Schemas['Device'];
export type Ladder = Schemas['Ladder'];
export type LatestReading = Schemas['LatestReading'];
export type Login = Schemas['LoginAnswer'];
export type Notification = Schemas['Notification'];
export type Observation = Schemas['ObservationOut'];
export type Rationale = Schemas['Rationale'];
export type CountResolution = Schemas['CountResolution'];
export type CountSeries = Schemas['CountSeries'];
export type Closing = Schemas['Closing'];
export type Delta = Schemas['Delta'];
export type Heartbeat = Schemas['Heartbeat'];
export type DecisionPage = Schemas['DecisionPage'];
export type GateView = Schemas['GateStanding'];
export type ModelChange = Schemas['ModelChange'];
export type OrderKind = Schemas['OrderKind'];
export type RolloutDevice = Schemas['DeviceView'];
export type RolloutDevicePage = Schemas['RolloutDevicePage'];
export type RolloutPage = Schemas['RolloutPage'];
export type RolloutView = Schemas['RolloutView'];
export type WaveView = Schemas['WaveView'];
/** What the plan does not say stays as shipped. */
export type NewRollout = Pick<
  Schemas['NewRollout'],
  | 'name'
  | 'kind'
  | 'model'
  | 'version'
  | 'back_to'
  | 'sites'
  | 'groups'
  | 'tags'
  | 'leave_out_incompatible'
  | 'second_person'
> & { plan?: Partial<Schemas['Plan']> };
export type ArtifactKind = Schemas['ArtifactKind'];
export type Release = Schemas['ReleaseView'];
export type ReleaseDetail = Schemas['ReleaseDetail'];
export type ReleaseRegistry = Schemas['ReleaseRegistry'];
export type RepositoryRole = Schemas['RoleView'];
export type Signatures = Schemas['SignaturesView'];
export type StagedChange = Schemas['StagedView'];
export type DeviceHealth = Schemas['DeviceHealth'];
export type DeviceStanding = Schemas['DeviceStanding'];
export type DeviceGroup = Schemas['DeviceGroup'];
export type Standing = Schemas['StandingView'];
export type RolloutPlan = Schemas['Plan'];
export type Trial = Schemas['UnitTrialSummary'];
export type TrialBox = Schemas['TrialBox'];
export type TrialBoxPage = Schemas['TrialBoxPage'];
export type TrialComparison = Schemas['TrialComparison'];
export type TrialDifference = Schemas['TrialDifference'];
export type TrialPage = Schemas['UnitTrialPage'];
export type TrialUnit = Schemas['TrialUnit'];
/** Which tanks a share chooses is left to the server. */
export type NewTrial = Omit<Schemas['NewUnitTrial'], 'seed'>;
export type Snapshot = Schemas['Snapshot'];
export type Role = Schemas['Role'];
export type Series = Schemas['Series'];
export type SeriesPoint = Schemas['SeriesPoint'];
export type Severity = Schemas['Severity'];
export type ShownLadders = Schemas['ShownLadders'];
export type Site = Schemas['Site'];
export type SiteLatest = Schemas['SiteLatest'];
export type Unit = Schemas['Unit'];
export type UnitModelHealth = Schemas['UnitModelHealth'];
export type UnitLatest = Schemas['UnitLatest'];
export type User = Schemas['User'];
export type Holding = Schemas['Holding'];
export type Batch = Schemas['Batch'];
export type NewBatch = Schemas['NewBatch'];
export type RecordPage = Schemas['RecordPage'];
export type Recorded = Schemas['Recorded'];
export type Imported = Schemas['Imported'];
export type Withdrawal = Schemas['Withdrawal'];
export type LiceStatus = Schemas['LiceStatus'];
export type SiteKpis = Schemas['SiteKpis'];
export type CommandList = Schemas['CommandList'];
export type DeviceCommand = Schemas['CommandOut'];
export type DeadLetterPage = Schemas['DeadLetterPage'];
export type DeadLetterOrder = Schemas['DeadLetterOrder'];
export type DeadLetterReasons = Schemas['DeadLetterReasons'];
export type LetterAction = Schemas['LetterAction'];
export type LetterState = Schemas['LetterState'];
export type LogLevelName = Schemas['LogLevelName'];
/** Letters by their ids, or all open ones of a reason. */
export type LetterChoice =
  { readonly letters: string[] } | { readonly stage: string; readonly reason: string };
export type CalibrationChange = Schemas['CalibrationChange'];
export type Contact = Schemas['Contact'];
export type NewContact = Schemas['NewContact'];
export type Roster = Schemas['Roster'];
export type Proofs = Schemas['Proofs'];
export type Assignee = Schemas['Assignee'];
export type Channel = Schemas['Channel'];
export type Duty = Schemas['Duty'];
export type Shift = Schemas['Shift'];
export type SiteLadders = Schemas['SiteLadders'];
export type Before = Schemas['Before'];
export type ApiKey = Schemas['ApiKey'];
export type AuditCheck = Schemas['AuditCheck'];
export type AuditEntry = Schemas['AuditEntry'];
export type AuditPage = Schemas['AuditPage'];
export type Invitation = Schemas['Invitation'];
export type MadeApiKey = Schemas['MadeApiKey'];
export type NewApiKey = Schemas['NewApiKey'];
export type NewInvitation = Schemas['NewInvitation'];
export type OneTimeToken = Schemas['OneTimeToken'];
export type PersonChange = Schemas['PersonChange'];
export type SignInWays = Schemas['SignInWays'];
export type Happening = Schemas['Happening'];
export type Kpi = Schemas['Kpi'];
export type RowFault = Schemas['RowFault'];
export type AnyRecord = Schemas['Recorded']['record'];
export type RecordKind = NonNullable<AnyRecord['kind']>;
export type Person = Schemas['PersonPage']['items'][number];
export type SamplePair = Schemas['SamplePair'];
export type ModelOpinion = Schemas['Opinion'];
export type Explanation = Schemas['Explanation'];
export type PastPrediction = Schemas['PastPrediction'];
export type Prediction = Schemas['Prediction'];
export type PredictionPage = Schemas['PredictionPage'];
export type PredictionTask = Schemas['Task'];
