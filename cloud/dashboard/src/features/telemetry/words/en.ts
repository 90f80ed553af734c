/** The words of the charts that are moved and compared in English, the language that the others follow. */
export const telemetryEn = {
  'charts.move': 'Move the charts',
  'charts.earlier': 'Earlier',
  'charts.later': 'Later',
  'charts.closer': 'Closer',
  'charts.wider': 'Wider',
  'charts.keys_text': 'on a chart with the keyboard: ← → + −',
  'pair.title': 'Two quantities in one chart',
  'pair.first': 'Left axis',
  'pair.second': 'Right axis',
  'pair.export_text': 'Keep both lines as shown',
  'pair.told': 'What the lines span',
  'pair.range': '{what}: {least} to {most}',
} as const;
