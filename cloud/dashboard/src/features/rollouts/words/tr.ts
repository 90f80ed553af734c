/** The words of the gallery of a shadow run in Turkish. */
import type { rolloutsEn } from './en';

export const rolloutsTr: Readonly<Record<keyof typeof rolloutsEn, string>> = {
  'shadow.tab': 'Yan yana',
  'shadow.text':
    'Adayın ve etkin modelin ayrıştığı kareler, en çok ayrışan önce. Etiket olmadan kimin haklı olduğu bilinmez: bakın.',
  'shadow.none': 'Karşılaştırılacak kare yok',
  'shadow.none_text':
    'Kutular, ikisinin ayrıştığı kareleri bağlantı boşken gönderir; günde birkaç tane ve yalnız örnek yüklenen yerlerde.',
  'shadow.active': 'Etkin: {model}',
  'shadow.candidate': 'Aday: {model}',
  'shadow.differ': '%{p} eşsiz',
  'shadow.found': 'Kutular: {n}',
  'shadow.only': 'yalnız bunda: {n}',
  'shadow.label': 'Bu kareyi etiketle',
};
