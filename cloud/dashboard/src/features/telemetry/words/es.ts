/** The words of the charts that are moved and compared in Spanish. */
import type { telemetryEn } from './en';

export const telemetryEs: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Mover los gráficos',
  'charts.earlier': 'Antes',
  'charts.later': 'Después',
  'charts.closer': 'Acercar',
  'charts.wider': 'Alejar',
  'charts.keys_text': 'en un gráfico con el teclado: ← → + −',
  'pair.title': 'Dos magnitudes en un gráfico',
  'pair.first': 'Eje izquierdo',
  'pair.second': 'Eje derecho',
  'pair.export_text': 'Guardar ambas líneas como se ven',
  'pair.told': 'Lo que abarcan las líneas',
  'pair.range': '{what}: de {least} a {most}',
  'counts.title': 'Peces a la vista',
  'counts.mean_of.five_minutes': 'media de 5 minutos',
  'counts.mean_of.hour': 'media de una hora',
  'counts.mean_of.day': 'media de un día',
  'counts.export': 'Guardar los conteos tal como se ven',
  'counts.none': 'Las cámaras no contaron peces en este periodo',
  'counts.shortened': 'Conteos de los últimos 90 días; acérquese para ver los anteriores.',
  'counts.counted': 'Conteo original',
  'counts.cast_back': 'Recalculado',
  'counts.changes': 'Cambios de modelo',
  'counts.another_model': 'otro modelo',
  'counts.change': '{at}: empezó a contar {model}; sus conteos varían un {percent} %',
  'counts.change_unknown': '{at}: empezó a contar {model}; sin comparar',
  'counts.text.unchanged': 'Contó siempre el mismo modelo, así que no hay nada que recalcular.',
  'counts.text.unknown':
    'Empezó a contar otro modelo y no se compararon los dos con las mismas imágenes: un salto en ◆ puede deberse al modelo y no a los peces.',
  'counts.text.known':
    'Recalculado: lo que el modelo más nuevo habría contado antes de entrar en servicio, según lo que ambos contaron en las mismas imágenes. Es un valor derivado, no un conteo.',
  'counts.text.partly':
    'Recalculado: lo que el modelo más nuevo habría contado antes de entrar en servicio, según lo que ambos contaron en las mismas imágenes. Es un valor derivado, no un conteo; falta donde no se compararon los modelos.',
  'counts.no_stock': 'Son los peces visibles a la vez, no las existencias.',
};
