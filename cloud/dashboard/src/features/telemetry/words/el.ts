/** The words of the charts that are moved and compared in Greek. */
import type { telemetryEn } from './en';

export const telemetryEl: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Μετακίνηση διαγραμμάτων',
  'charts.earlier': 'Νωρίτερα',
  'charts.later': 'Αργότερα',
  'charts.closer': 'Πιο κοντά',
  'charts.wider': 'Πιο μακριά',
  'charts.keys_text': 'σε διάγραμμα με το πληκτρολόγιο: ← → + −',
  'pair.title': 'Δύο μεγέθη σε ένα διάγραμμα',
  'pair.first': 'Αριστερός άξονας',
  'pair.second': 'Δεξιός άξονας',
  'pair.export_text': 'Αποθήκευση και των δύο γραμμών όπως φαίνονται',
  'pair.told': 'Το εύρος των γραμμών',
  'pair.range': '{what}: {least} έως {most}',
};
