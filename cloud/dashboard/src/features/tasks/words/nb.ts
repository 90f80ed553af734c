/** The words of the page of background tasks in Norwegian. */
import type { tasksEn } from './en';

export const tasksNb: Readonly<Record<keyof typeof tasksEn, string>> = {
  'nav.tasks': 'Oppgaver',
  'tasks.title': 'Arbeid i bakgrunnen',
  'tasks.text':
    'Rapporter, eksporter, treninger og prediksjoner som tar lengre tid enn en side venter. De gjøres selv om serveren startes på nytt imens.',
  'tasks.none': 'Ingenting gjøres eller ble gjort her',
  'tasks.none_text': 'En oppgave lagres i en uke etter at den er ferdig.',
  'tasks.state': 'Tilstand',
  'tasks.all': 'Alle',
  'tasks.progress': 'Framdrift',
  'tasks.asked': 'Bedt om',
  'tasks.attempts': 'forsøk {n}',
  'tasks.file': 'Lagre filen',
  'tasks.cancel': 'Avslutt',
  'tasks.cancel_title': 'Avslutte {what}?',
  'tasks.cancel_text':
    'En som venter, avsluttes straks, en som går, innen sekunder. Det den hadde gjort, lagres ikke.',
  'tasks.ending': 'Den avsluttes…',
  'task_state.queued': 'Venter',
  'task_state.running': 'Går',
  'task_state.succeeded': 'Ferdig',
  'task_state.failed': 'Mislyktes',
  'task_state.cancelled': 'Avsluttet',
  'task_kind.report': 'Rapport',
  'task_kind.export': 'Eksport',
  'task_kind.training': 'Trening',
  'task_kind.prediction': 'Prediksjon',
};
