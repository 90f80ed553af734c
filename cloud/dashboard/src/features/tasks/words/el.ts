/** The words of the page of background tasks in Greek. */
import type { tasksEn } from './en';

export const tasksEl: Readonly<Record<keyof typeof tasksEn, string>> = {
  'nav.tasks': 'Εργασίες',
  'tasks.title': 'Εργασίες στο παρασκήνιο',
  'tasks.text':
    'Αναφορές, εξαγωγές, εκπαιδεύσεις και προβλέψεις που αργούν περισσότερο από όσο περιμένει μια σελίδα. Γίνονται ακόμη κι αν ο διακομιστής επανεκκινήσει.',
  'tasks.none': 'Τίποτα δεν γίνεται ούτε έγινε εδώ',
  'tasks.none_text': 'Μια εργασία φυλάσσεται μία εβδομάδα μετά το τέλος της.',
  'tasks.state': 'Κατάσταση',
  'tasks.all': 'Όλες',
  'tasks.progress': 'Πρόοδος',
  'tasks.asked': 'Ζητήθηκε',
  'tasks.attempts': 'προσπάθεια {n}',
  'tasks.file': 'Αποθήκευση αρχείου',
  'tasks.cancel': 'Τερματισμός',
  'tasks.cancel_title': 'Τερματισμός: {what};',
  'tasks.cancel_text':
    'Όποια περιμένει τελειώνει αμέσως, όποια τρέχει σε δευτερόλεπτα. Ό,τι είχε κάνει δεν φυλάσσεται.',
  'tasks.ending': 'Τερματίζεται…',
  'task_state.queued': 'Περιμένει',
  'task_state.running': 'Τρέχει',
  'task_state.succeeded': 'Έγινε',
  'task_state.failed': 'Απέτυχε',
  'task_state.cancelled': 'Τερματίστηκε',
  'task_kind.report': 'Αναφορά',
  'task_kind.export': 'Εξαγωγή',
  'task_kind.training': 'Εκπαίδευση',
  'task_kind.prediction': 'Πρόβλεψη',
};
