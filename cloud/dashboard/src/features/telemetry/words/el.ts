/** The words of the charts that are moved and compared in Greek. */
import type { telemetryEn } from './en';

export const telemetryEl: Readonly<Record<keyof typeof telemetryEn, string>> = {
  'charts.move': 'Μετακίνηση διαγραμμάτων',
  'charts.earlier': 'Νωρίτερα',
  'charts.later': 'Αργότερα',
  'charts.closer': 'Μεγέθυνση',
  'charts.wider': 'Σμίκρυνση',
  'charts.keys_text': 'σε διάγραμμα με το πληκτρολόγιο: ← → + −',
  'pair.title': 'Δύο μεγέθη σε ένα διάγραμμα',
  'pair.first': 'Αριστερός άξονας',
  'pair.second': 'Δεξιός άξονας',
  'pair.export_text': 'Αποθήκευση και των δύο γραμμών όπως φαίνονται',
  'pair.told': 'Το εύρος των γραμμών',
  'pair.range': '{what}: {least} έως {most}',
  'counts.title': 'Ορατά ψάρια',
  'counts.mean_of.five_minutes': 'μέσος όρος 5 λεπτών',
  'counts.mean_of.hour': 'μέσος όρος μίας ώρας',
  'counts.mean_of.day': 'μέσος όρος μίας ημέρας',
  'counts.export': 'Αποθήκευση των μετρήσεων όπως φαίνονται',
  'counts.none': 'Οι κάμερες δεν μέτρησαν ψάρια σε αυτό το διάστημα',
  'counts.shortened': 'Μετρήσεις των τελευταίων 90 ημερών· μεγεθύνετε για παλαιότερες.',
  'counts.counted': 'Όπως μετρήθηκαν',
  'counts.cast_back': 'Με αναγωγή',
  'counts.changes': 'Αλλαγές μοντέλου',
  'counts.another_model': 'άλλο μοντέλο',
  'counts.change': '{at}: ανέλαβε το {model}· οι μετρήσεις διαφέρουν {percent} %',
  'counts.change_unknown': '{at}: ανέλαβε το {model}· χωρίς σύγκριση',
  'counts.text.unchanged': 'Μετρούσε συνεχώς το ίδιο μοντέλο, οπότε δεν χρειάζεται αναγωγή.',
  'counts.text.unknown':
    'Ανέλαβε άλλο μοντέλο και τα δύο δεν συγκρίθηκαν στις ίδιες εικόνες: ένα άλμα στο ◆ μπορεί να οφείλεται στο μοντέλο και όχι στα ψάρια.',
  'counts.text.known':
    'Με αναγωγή: όσα θα είχε μετρήσει το νεότερο μοντέλο πριν αναλάβει, με βάση όσα μέτρησαν τα δύο μοντέλα στις ίδιες εικόνες. Υπολογισμένη τιμή, όχι μέτρηση.',
  'counts.text.partly':
    'Με αναγωγή: όσα θα είχε μετρήσει το νεότερο μοντέλο πριν αναλάβει, με βάση όσα μέτρησαν τα δύο μοντέλα στις ίδιες εικόνες. Υπολογισμένη τιμή, όχι μέτρηση· λείπει όπου τα μοντέλα δεν συγκρίθηκαν.',
  'counts.no_stock': 'Ψάρια που φαίνονται ταυτόχρονα, όχι ο πληθυσμός.',
};
