/** One function for each path that tells how models keep up with what they see. */
import { answerOf, api } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type DriftAlert = Schemas['DriftAlertOut'];
export type DriftAlertPage = Schemas['DriftAlertPage'];
export type DriftHours = Schemas['DriftHours'];
export type DriftSeries = Schemas['DriftSeriesOut'];
export type DriftSeriesPage = Schemas['DriftSeriesPage'];

export function driftAlerts(
  site: string,
  open: boolean,
  cursor: string | null,
  signal: AbortSignal,
): Promise<DriftAlertPage> {
  const query = { site, open, limit: 20, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/drift/alerts', { params: { query }, signal }));
}

export function driftSeries(
  site: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<DriftSeriesPage> {
  const query = { site, limit: 50, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/drift/series', { params: { query }, signal }));
}

export function driftHours(unit: number, sha256: string, signal: AbortSignal): Promise<DriftHours> {
  const params = { path: { unit_id: unit, model_sha256: sha256 } };
  return answerOf(api.GET('/api/v1/drift/series/{unit_id}/{model_sha256}', { params, signal }));
}

export function acceptDrift(id: string): Promise<DriftAlert> {
  return answerOf(api.POST('/api/v1/drift/alerts/{alert_id}/accept', { params: { path: { alert_id: id } } }));
}
