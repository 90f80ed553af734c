/** The words of the charts that are moved and compared in Norwegian. */
import type { telemetryEn } from './en';

export const telemetryNb: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Flytt grafene',
  'charts.earlier': 'Tidligere',
  'charts.later': 'Senere',
  'charts.closer': 'Nærmere',
  'charts.wider': 'Videre',
  'charts.keys_text': 'på en graf med tastaturet: ← → + −',
  'pair.title': 'To størrelser i én graf',
  'pair.first': 'Venstre akse',
  'pair.second': 'Høyre akse',
  'pair.export_text': 'Lagre begge linjene som vist',
  'pair.told': 'Hva linjene spenner over',
  'pair.range': '{what}: {least} til {most}',
};
