/** The words of the page of background tasks in English, the language that the others follow. */
export const tasksEn = {
  'nav.tasks': 'Tasks',
  'tasks.title': 'Work in the background',
  'tasks.text':
    'Reports, exports, trainings and predictions that take longer than a page waits. They are done even if the server is restarted meanwhile.',
  'tasks.none': 'Nothing is or was done here',
  'tasks.none_text': 'A task is kept for a week after its end.',
  'tasks.state': 'State',
  'tasks.all': 'All',
  'tasks.progress': 'Progress',
  'tasks.asked': 'Asked',
  'tasks.attempts': 'attempt {n}',
  'tasks.file': 'Keep the file',
  'tasks.cancel': 'End it',
  'tasks.cancel_title': 'End {what}?',
  'tasks.cancel_text':
    'One that waits ends at once, one that runs within seconds. What it had done until then is not kept.',
  'tasks.ending': 'It is being ended…',
  'task_state.queued': 'Waits',
  'task_state.running': 'Runs',
  'task_state.succeeded': 'Done',
  'task_state.failed': 'Failed',
  'task_state.cancelled': 'Ended',
  'task_kind.report': 'Report',
  'task_kind.export': 'Export',
  'task_kind.training': 'Training',
  'task_kind.prediction': 'Prediction',
} as const;
