/** The words of the charts that are moved and compared in Spanish. */
import type { telemetryEn } from './en';

export const telemetryEs: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Mover los gráficos',
  'charts.earlier': 'Antes',
  'charts.later': 'Después',
  'charts.closer': 'Más cerca',
  'charts.wider': 'Más amplio',
  'charts.keys_text': 'en un gráfico con el teclado: ← → + −',
  'pair.title': 'Dos magnitudes en un gráfico',
  'pair.first': 'Eje izquierdo',
  'pair.second': 'Eje derecho',
  'pair.export_text': 'Guardar ambas líneas como se ven',
  'pair.told': 'Lo que abarcan las líneas',
  'pair.range': '{what}: de {least} a {most}',
};
