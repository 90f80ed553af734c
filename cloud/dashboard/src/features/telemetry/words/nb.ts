/** The words of the charts that are moved and compared in Norwegian. */
import type { telemetryEn } from './en';

export const telemetryNb: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Flytt grafene',
  'charts.earlier': 'Tidligere',
  'charts.later': 'Senere',
  'charts.closer': 'Zoom inn',
  'charts.wider': 'Zoom ut',
  'charts.keys_text': 'på en graf med tastaturet: ← → + −',
  'pair.title': 'To størrelser i én graf',
  'pair.first': 'Venstre akse',
  'pair.second': 'Høyre akse',
  'pair.export_text': 'Lagre begge linjene som vist',
  'pair.told': 'Hva linjene spenner over',
  'pair.range': '{what}: {least} til {most}',
  'counts.title': 'Fisk i bildet',
  'counts.mean_of.five_minutes': 'gjennomsnitt over 5 minutter',
  'counts.mean_of.hour': 'gjennomsnitt over en time',
  'counts.mean_of.day': 'gjennomsnitt over et døgn',
  'counts.export': 'Lagre tellingene som vist',
  'counts.none': 'Kameraene telte ingen fisk i denne perioden',
  'counts.shortened': 'Tellinger for de siste 90 døgnene; zoom inn for å se eldre.',
  'counts.counted': 'Slik det ble telt',
  'counts.cast_back': 'Omregnet',
  'counts.changes': 'Modellbytter',
  'counts.another_model': 'en annen modell',
  'counts.change': '{at}: {model} overtok; tellingene avviker {percent} %',
  'counts.change_unknown': '{at}: {model} overtok; ikke sammenlignet',
  'counts.text.unchanged': 'Samme modell har telt hele tiden, så det er ingenting å regne om.',
  'counts.text.unknown':
    'En annen modell overtok, og de to ble ikke sammenlignet på de samme bildene: et hopp ved ◆ kan skyldes modellen og ikke fisken.',
  'counts.text.known':
    'Omregnet: det den nyeste modellen ville ha telt før den overtok, ut fra hvordan de to modellene telte de samme bildene. Beregnet, ikke telt.',
  'counts.text.partly':
    'Omregnet: det den nyeste modellen ville ha telt før den overtok, ut fra hvordan de to modellene telte de samme bildene. Beregnet, ikke telt; mangler der modellene ikke ble sammenlignet.',
  'counts.no_stock': 'Fisk som er synlig samtidig, ikke beholdningen.',
};
