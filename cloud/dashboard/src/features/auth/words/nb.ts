/** The words of the login page in Norwegian. */
import type { authEn } from './en';

export const authNb: Readonly<Record<keyof typeof authEn, string>> = {
  'state.loading': 'Laster…',
  'state.sending': 'Sender…',
  'state.failed': 'Dette ble ikke lastet',
  'error.no_answer': 'Anleggsserveren svarer ikke.',
  'error.status': 'Anleggsserveren svarte {status}.',
  'action.reload': 'Last på nytt',
  'login.title': 'Logg inn på anlegget',
  'login.text': 'Vann, fisk og alarmer direkte',
  'login.email': 'E-post',
  'login.password': 'Passord',
  'login.sign_in': 'Logg inn',
  'login.signing_in': 'Logger inn…',
  'login.expired': 'Økten er avsluttet. Logg inn igjen for å fortsette.',
  'login.wrong': 'E-post eller passord er feil.',
  'login.no_answer': 'Anleggsserveren svarer ikke. Sjekk nettet og prøv igjen.',
  'login.identity_provider': 'Logg inn via organisasjonen',
};
