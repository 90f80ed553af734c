import { expect, test } from 'vitest';
import type { Login, User } from './api/types';
import { beginSession, endSession } from './features/auth/session';
import { queryClient } from './queryClient';

const SITES = ['sites'];

test('what was seen before a session ended is there for the same person, and for nobody else', () => {
  beginSession(loginOf(1));
  queryClient.setQueryData(SITES, ['nordfjord']);
  endSession('expired');
  beginSession(loginOf(1));
  expect(queryClient.getQueryData(SITES)).toEqual(['nordfjord']);
  endSession('expired');
  beginSession(loginOf(2));
  expect(queryClient.getQueryData(SITES)).toBeUndefined();
});

function loginOf(id: number): Login {
  const user = { id, email: `${id}@fjord.example`, name: 'A person', role: 'operator' } as User;
  return {
    access_token: 'a',
    refresh_token: 'r',
    token_type: 'bearer',
    expires_in: 900,
    refresh_expires_in: 3600,
    user,
  };
}
