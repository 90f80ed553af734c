/** The paths that the first script asks: to sign in, and for the first look at a farm. */
import { answerOf, api } from './client';
import type { Alarm, Login, SignInWays, Site, SiteLatest } from './types';

export function login(email: string, password: string): Promise<Login> {
  return answerOf(
    api.POST('/api/v1/auth/login', {
      body: { grant_type: 'password', username: email, password, scope: '' },
      bodySerializer: (body) => new URLSearchParams({ username: body.username, password: body.password }),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    }),
  );
}

export async function listSites(signal: AbortSignal): Promise<Site[]> {
  const page = await answerOf(api.GET('/api/v1/sites', { params: { query: { limit: 200 } }, signal }));
  return page.items;
}

export function siteLatest(site: string, signal: AbortSignal): Promise<SiteLatest> {
  return answerOf(api.GET('/api/v1/sites/{site}/latest', { params: { path: { site } }, signal }));
}

/** Open alarms of a farm: active, or not yet acknowledged. More than one page of them would not be read. */
export async function openAlarms(site: string, signal: AbortSignal): Promise<Alarm[]> {
  const page = await answerOf(
    api.GET('/api/v1/alarms', { params: { query: { site, open: true, limit: 200 } }, signal }),
  );
  return page.items;
}

export function acknowledgeAlarm(id: string): Promise<Alarm> {
  return answerOf(api.POST('/api/v1/alarms/{alarm_id}/acknowledge', { params: { path: { alarm_id: id } } }));
}

export function signInWays(signal: AbortSignal): Promise<SignInWays> {
  return answerOf(api.GET('/api/v1/auth/ways', { signal }));
}
