/** One function for each path of work in the background. */
import { answerOf, api } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type BackgroundTask = Schemas['TaskOut'];
export type BackgroundTaskPage = Schemas['TaskPage'];
export type TaskState = BackgroundTask['state'];

export function backgroundTasks(
  state: TaskState | null,
  cursor: string | null,
  signal: AbortSignal,
): Promise<BackgroundTaskPage> {
  const query = {
    limit: 50,
    ...(state === null ? {} : { state }),
    ...(cursor === null ? {} : { cursor }),
  };
  return answerOf(api.GET('/api/v1/tasks', { params: { query }, signal }));
}

export function cancelTask(id: string): Promise<BackgroundTask> {
  return answerOf(api.DELETE('/api/v1/tasks/{task_id}', { params: { path: { task_id: id } } }));
}
