/** The words of the login page in Turkish. */
import type { authEn } from './en';

export const authTr: Readonly<Record<keyof typeof authEn, string>> = {
  'state.loading': 'Yükleniyor…',
  'state.sending': 'Gönderiliyor…',
  'state.failed': 'Bu yüklenemedi',
  'error.no_answer': 'Çiftlik sunucusu yanıt vermiyor.',
  'error.status': 'Çiftlik sunucusu {status} yanıtını verdi.',
  'action.reload': 'Yeniden yükle',
  'login.title': 'Çiftliğinize giriş yapın',
  'login.text': 'Canlı su, balık ve alarmlar',
  'login.email': 'E-posta',
  'login.password': 'Parola',
  'login.sign_in': 'Giriş yap',
  'login.signing_in': 'Giriş yapılıyor…',
  'login.expired': 'Oturumunuz sona erdi. Devam etmek için yeniden giriş yapın.',
  'login.wrong': 'E-posta veya parola yanlış.',
  'login.no_answer': 'Çiftlik sunucusu yanıt vermiyor. Ağı denetleyip yeniden deneyin.',
  'login.identity_provider': 'Kuruluşunuzla oturum açın',
};
