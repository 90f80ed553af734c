/** The API's shapes under the words of this code. */

export type Role = 'viewer' | 'operator' | 'farm_manager' | 'fleet_admin' | 'platform_admin';
export type Severity = 'critical' | 'major' | 'minor' | 'warning';

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}
export interface User {
  id: number;
  email: string;
  name: string;
  role: Role;
  organization: string;
}
export interface Login {
  access_token: string;
  token_type: string;
  expires_in: number;
  user: User;
}
export interface Site {
  id: number;
  slug: string;
  name: string;
  timezone: string;
  latitude: number | null;
  longitude: number | null;
  units: number;
  devices_online: number;
  devices: number;
  open_alarms: number;
}
export interface Unit {
  id: number;
  slug: string;
  name: string;
  kind: string;
  volume_m3: number | null;
  species: string | null;
  stage: string | null;
  site: string;
}
export interface Device {
  id: number;
  slug: string;
  name: string;
  state: string;
  state_at: string | null;
  last_seen_at: string | null;
  agent_version: string | null;
}
export interface LatestReading {
  channel_id: number;
  channel: string;
  quantity: string;
  label: string;
  value: number | null;
  ucum: string;
  decimals: number;
  observed_at: string;
  age_s: number;
  quality: number;
  stale: boolean;
  derived: boolean;
}
export interface Detection {
  label: string;
  confidence: number;
  box: { x: number; y: number; w: number; h: number };
  track?: number | null;
}
export interface Observation {
  id: string;
  camera: string;
  unit_id: number;
  observed_at: string;
  started_at: string;
  frames: number;
  frames_dropped: number;
  count_mean: number | null;
  count_min: number | null;
  count_max: number | null;
  confidence_mean: number | null;
  detections: Detection[];
  image_url: string | null;
  image_sha256: string | null;
  image_observed_at?: string | null;
  model: { name: string; version: string; sha256: string } | null;
  quality: number;
}
export interface UnitLatest {
  unit: Unit;
  readings: LatestReading[];
  observation: Observation | null;
  alarms: Record<Severity, number>;
  worst_severity: Severity | null;
}
export interface SiteLatest {
  site: Site;
  server_time: string;
  devices: Device[];
  units: UnitLatest[];
}
export interface Alarm {
  id: string;
  site: string;
  unit: { id: number; slug: string; name: string } | null;
  definition: string;
  severity: Severity;
  active: boolean;
  acknowledged: boolean;
  raised_at: string;
  cleared_at: string | null;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  value: number | null;
  limit: number | null;
  ucum: string | null;
  quantity: string | null;
  message: string;
  action: string | null;
  source: string | null;
}
export interface SeriesPoint {
  t: string;
  n: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  last: number | null;
  good: number;
}
export interface Series {
  channel_id: number;
  quantity: string;
  ucum: string;
  bucket_s: number;
  points: SeriesPoint[];
}
