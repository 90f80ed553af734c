/** The words of the map of what a classifier looked at in Greek. */
import type { predictionsEn } from './en';

export const predictionsEl: Readonly<Record<keyof typeof predictionsEn, string>> = {
  'explain.show': 'Δείτε τι κοίταξε',
  'explain.hide': 'Απόκρυψη χάρτη',
  'explain.asking': 'Καλύπτονται τμήματα της εικόνας, ένα ένα…',
  'explain.text':
    'Φωτεινό: αν καλυφθεί εκεί, το μοντέλο θα ήταν λιγότερο βέβαιο για {what}. Λέει από πού προέρχεται η απάντηση, όχι ότι είναι σωστή.',
  'explain.told': 'Αν καλυφθεί {where}, η βεβαιότητα πέφτει {p} μονάδες.',
  'explain.flat':
    'Η κάλυψη ενός τμήματος αφαιρεί λιγότερο από μία μονάδα: κανένα σημείο δεν αποφασίζει μόνο του.',
  'place.0.0': 'πάνω αριστερά',
  'place.0.1': 'πάνω',
  'place.0.2': 'πάνω δεξιά',
  'place.1.0': 'αριστερά',
  'place.1.1': 'το κέντρο',
  'place.1.2': 'δεξιά',
  'place.2.0': 'κάτω αριστερά',
  'place.2.1': 'κάτω',
  'place.2.2': 'κάτω δεξιά',
};
