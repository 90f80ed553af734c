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
export type Role = Schemas['Role'];
export type Series = Schemas['Series'];
export type SeriesPoint = Schemas['SeriesPoint'];
export type Severity = Schemas['Severity'];
export type ShownLadders = Schemas['ShownLadders'];
export type Site = Schemas['Site'];
export type SiteLatest = Schemas['SiteLatest'];
export type Unit = Schemas['Unit'];
export type UnitLatest = Schemas['UnitLatest'];
export type User = Schemas['User'];
