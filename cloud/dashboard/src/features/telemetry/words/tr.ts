/** The words of the charts that are moved and compared in Turkish. */
import type { telemetryEn } from './en';

export const telemetryTr: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Grafikleri kaydır',
  'charts.earlier': 'Önce',
  'charts.later': 'Sonra',
  'charts.closer': 'Yakınlaştır',
  'charts.wider': 'Uzaklaştır',
  'charts.keys_text': 'grafikte klavyeyle: ← → + −',
  'pair.title': 'Tek grafikte iki büyüklük',
  'pair.first': 'Sol eksen',
  'pair.second': 'Sağ eksen',
  'pair.export_text': 'Her iki çizgiyi göründüğü gibi sakla',
  'pair.told': 'Çizgilerin aralığı',
  'pair.range': '{what}: {least} – {most}',
};
