/** The words of the login page in Spanish. */
import type { authEn } from './en';

export const authEs: Readonly<Record<keyof typeof authEn, string>> = {
  'state.loading': 'Cargando…',
  'state.sending': 'Enviando…',
  'state.failed': 'No se pudo cargar',
  'error.no_answer': 'El servidor de la granja no responde.',
  'error.status': 'El servidor de la granja respondió {status}.',
  'action.reload': 'Cargar de nuevo',
  'login.title': 'Entre en su granja',
  'login.text': 'Agua, peces y alarmas en vivo',
  'login.email': 'Correo',
  'login.password': 'Contraseña',
  'login.sign_in': 'Entrar',
  'login.signing_in': 'Entrando…',
  'login.expired': 'Su sesión ha terminado. Entre de nuevo para seguir.',
  'login.wrong': 'El correo o la contraseña no son correctos.',
  'login.no_answer': 'El servidor de la granja no responde. Compruebe la red y reintente.',
  'login.identity_provider': 'Entrar con su organización',
};
