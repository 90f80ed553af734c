/** The words of the map of what a classifier looked at in Norwegian. */
import type { predictionsEn } from './en';

export const predictionsNb: Readonly<Record<keyof typeof predictionsEn, string>> = {
  'explain.show': 'Vis hva den så på',
  'explain.hide': 'Skjul kartet',
  'explain.asking': 'Deler av bildet dekkes til, én etter én…',
  'explain.text':
    'Lyst: dekket til der ville modellen være mindre sikker på {what}. Det sier hvor svaret kommer fra, ikke at det er riktig.',
  'explain.told': 'Dekkes {where}, faller sikkerheten {p} poeng.',
  'explain.flat': 'Å dekke én del tar under ett poeng: ingen plass avgjør alene.',
  'place.0.0': 'øverst til venstre',
  'place.0.1': 'øverst',
  'place.0.2': 'øverst til høyre',
  'place.1.0': 'venstre side',
  'place.1.1': 'midten',
  'place.1.2': 'høyre side',
  'place.2.0': 'nederst til venstre',
  'place.2.1': 'nederst',
  'place.2.2': 'nederst til høyre',
};
