/** The words of the page of background tasks in Spanish. */
import type { tasksEn } from './en';

export const tasksEs: Readonly<Record<keyof typeof tasksEn, string>> = {
  'nav.tasks': 'Tareas',
  'tasks.title': 'Trabajo en segundo plano',
  'tasks.text':
    'Informes, exportaciones, entrenamientos y predicciones que tardan más de lo que espera una página. Se hacen aunque el servidor se reinicie entretanto.',
  'tasks.none': 'No hay ni hubo trabajo aquí',
  'tasks.none_text': 'Una tarea se guarda una semana después de su fin.',
  'tasks.state': 'Estado',
  'tasks.all': 'Todas',
  'tasks.progress': 'Progreso',
  'tasks.asked': 'Pedida',
  'tasks.attempts': 'intento {n}',
  'tasks.file': 'Guardar el archivo',
  'tasks.cancel': 'Terminar',
  'tasks.cancel_title': '¿Terminar {what}?',
  'tasks.cancel_text':
    'La que espera termina al instante, la que corre en segundos. Lo hecho hasta entonces no se guarda.',
  'tasks.ending': 'Se está terminando…',
  'task_state.queued': 'En espera',
  'task_state.running': 'En marcha',
  'task_state.succeeded': 'Hecha',
  'task_state.failed': 'Fallida',
  'task_state.cancelled': 'Terminada',
  'task_kind.report': 'Informe',
  'task_kind.export': 'Exportación',
  'task_kind.training': 'Entrenamiento',
  'task_kind.prediction': 'Predicción',
};
