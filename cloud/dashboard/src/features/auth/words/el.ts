/** The words of the login page in Greek. */
import type { authEn } from './en';

export const authEl: Readonly<Record<keyof typeof authEn, string>> = {
  'state.loading': 'Φόρτωση…',
  'state.sending': 'Αποστολή…',
  'state.failed': 'Δεν φορτώθηκε',
  'error.no_answer': 'Ο διακομιστής δεν απαντά.',
  'error.status': 'Ο διακομιστής απάντησε {status}.',
  'action.reload': 'Φορτώστε ξανά',
  'login.title': 'Σύνδεση στη μονάδα σας',
  'login.text': 'Νερό, ψάρια και συναγερμοί ζωντανά',
  'login.email': 'Email',
  'login.password': 'Κωδικός',
  'login.sign_in': 'Σύνδεση',
  'login.signing_in': 'Σύνδεση…',
  'login.expired': 'Η συνεδρία σας έληξε. Συνδεθείτε ξανά.',
  'login.wrong': 'Λάθος email ή κωδικός.',
  'login.no_answer': 'Ο διακομιστής δεν απαντά. Ελέγξτε το δίκτυο και δοκιμάστε ξανά.',
  'login.identity_provider': 'Σύνδεση μέσω του οργανισμού σας',
};
