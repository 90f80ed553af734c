/** The words of the map of what a classifier looked at in Turkish. */
import type { predictionsEn } from './en';

export const predictionsTr: Readonly<Record<keyof typeof predictionsEn, string>> = {
  'explain.show': 'Neye baktığını göster',
  'explain.hide': 'Haritayı gizle',
  'explain.asking': 'Resmin bölümleri birer birer örtülüyor…',
  'explain.text':
    'Parlak: orası örtülünce model {what} için daha az emin olurdu. Yanıtın nereden geldiğini söyler, doğru olduğunu değil.',
  'explain.told': '{where} örtülünce güven {p} puan düşer.',
  'explain.flat': 'Tek bir bölümü örtmek bir puandan az düşürür: hiçbir yer tek başına belirlemiyor.',
  'place.0.0': 'sol üst',
  'place.0.1': 'üst',
  'place.0.2': 'sağ üst',
  'place.1.0': 'sol',
  'place.1.1': 'orta',
  'place.1.2': 'sağ',
  'place.2.0': 'sol alt',
  'place.2.1': 'alt',
  'place.2.2': 'sağ alt',
};
