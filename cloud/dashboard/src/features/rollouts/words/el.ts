/** The words of the gallery of a shadow run in Greek. */
import type { rolloutsEn } from './en';

export const rolloutsEl: Readonly<Record<keyof typeof rolloutsEn, string>> = {
  'shadow.tab': 'Δίπλα δίπλα',
  'shadow.text':
    'Εικόνες όπου το υποψήφιο και το ενεργό μοντέλο διαφέρουν, πρώτα οι μεγαλύτερες διαφορές. Χωρίς ετικέτες κανείς δεν ξέρει ποιο έχει δίκιο: κοιτάξτε.',
  'shadow.none': 'Καμία εικόνα για σύγκριση',
  'shadow.none_text':
    'Οι συσκευές στέλνουν εικόνες όπου τα δύο διαφέρουν όταν η σύνδεση είναι ελεύθερη, λίγες την ημέρα, και μόνο όπου ανεβαίνουν δείγματα.',
  'shadow.active': 'Ενεργό: {model}',
  'shadow.candidate': 'Υποψήφιο: {model}',
  'shadow.differ': '{p} % χωρίς ταίρι',
  'shadow.found': 'Πλαίσια: {n}',
  'shadow.only': 'μόνο σε αυτό: {n}',
  'shadow.label': 'Ετικέτα σε αυτή την εικόνα',
};
