/** The words of the gallery of a shadow run in Norwegian. */
import type { rolloutsEn } from './en';

export const rolloutsNb: Readonly<Record<keyof typeof rolloutsEn, string>> = {
  'shadow.tab': 'Side om side',
  'shadow.text':
    'Bilder der kandidaten og den aktive modellen er uenige, mest først. Uten merking vet ingen hvem som har rett: se selv.',
  'shadow.none': 'Ingen bilder å sammenligne',
  'shadow.none_text':
    'Boksene sender bilder der de to er uenige når forbindelsen er ledig, noen få om dagen, og bare der prøver lastes opp.',
  'shadow.active': 'Aktiv: {model}',
  'shadow.candidate': 'Kandidat: {model}',
  'shadow.differ': '{p} % uten motpart',
  'shadow.found': 'Bokser: {n}',
  'shadow.only': 'alene om det: {n}',
  'shadow.label': 'Merk dette bildet',
};
