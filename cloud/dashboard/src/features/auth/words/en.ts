/** The words of the login page in English, and those that the page needs before its language is loaded: they are in the first script. */
export const authEn = {
  'state.loading': 'Loading…',
  'state.sending': 'Sending…',
  'state.failed': 'This did not load',
  'error.no_answer': 'The farm server does not answer.',
  'error.status': 'The farm server answered {status}.',
  'action.reload': 'Load it again',
  'login.title': 'Sign in to your farm',
  'login.text': 'Live water, fish and alarms',
  'login.email': 'Email',
  'login.password': 'Password',
  'login.sign_in': 'Sign in',
  'login.signing_in': 'Signing in…',
  'login.expired': 'Your session has ended. Sign in again to go on.',
  'login.wrong': 'Email or password is wrong.',
  'login.no_answer': 'The farm server does not answer. Check the network and try again.',
  'login.identity_provider': 'Sign in by your organization',
} as const;
