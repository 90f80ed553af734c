/** One function for each path of the label queue and the data sets. */
import { answerOf, api, doneOf } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type LabelTask = Schemas['LabelTask'];
export type LabelTaskDetail = Schemas['LabelTaskDetail'];
export type LabelTaskPage = Schemas['LabelTaskPage'];
export type LabelSettings = Schemas['LabelSettings'];
export type LabelProgress = Schemas['LabelProgress'];
export type GivenLabel = Schemas['GivenLabel'];
export type NextTask = Schemas['NextTask'];
export type TaskStatus = Schemas['TaskStatus'];
export type Decision = Schemas['Decision'];
export type NewMark = Schemas['NewMark'];
export type Fault = NewMark['fault'];
export type LabelMark = Schemas['LabelMarkOut'];
export type LabelFormat = Schemas['ExportFormat'];
export type ImportedLabels = Schemas['ImportedLabels'];
export type DatasetVersion = Schemas['DatasetVersion'];
export type DatasetPage = Schemas['DatasetPage'];
export type NewLabel = Schemas['NewLabel'];

export function labelTasks(
  site: string,
  status: TaskStatus | null,
  cursor: string | null,
  signal: AbortSignal,
): Promise<LabelTaskPage> {
  const query = {
    site,
    limit: 50,
    ...(status === null ? {} : { status }),
    ...(cursor === null ? {} : { cursor }),
  };
  return answerOf(api.GET('/api/v1/labels/tasks', { params: { query }, signal }));
}

export function nextLabelTask(site: string, skip: readonly string[]): Promise<NextTask> {
  return answerOf(api.POST('/api/v1/labels/next', { body: { site, skip: [...skip] } }));
}

export function labelTask(id: string, signal: AbortSignal): Promise<LabelTaskDetail> {
  return answerOf(api.GET('/api/v1/labels/tasks/{task_id}', { params: { path: { task_id: id } }, signal }));
}

export function holdTask(id: string): Promise<LabelTaskDetail> {
  return answerOf(api.POST('/api/v1/labels/tasks/{task_id}/lease', { params: { path: { task_id: id } } }));
}

export function releaseTask(id: string): Promise<void> {
  return doneOf(api.DELETE('/api/v1/labels/tasks/{task_id}/lease', { params: { path: { task_id: id } } }));
}

export function giveLabel(id: string, body: NewLabel): Promise<LabelTaskDetail> {
  const params = { path: { task_id: id } };
  return answerOf(api.POST('/api/v1/labels/tasks/{task_id}/labels', { params, body }));
}

export function undoLabel(id: string): Promise<LabelTaskDetail> {
  return answerOf(api.POST('/api/v1/labels/tasks/{task_id}/undo', { params: { path: { task_id: id } } }));
}

export function reviewTask(
  id: string,
  decision: Decision,
  labelId: string | null,
  note: string,
): Promise<LabelTaskDetail> {
  const params = { path: { task_id: id } };
  const body = { decision, label_id: labelId, note: note === '' ? null : note };
  return answerOf(api.POST('/api/v1/labels/tasks/{task_id}/review', { params, body }));
}

export function labelProgress(signal: AbortSignal): Promise<LabelProgress> {
  return answerOf(api.GET('/api/v1/labels/progress', { signal }));
}

export function labelSettings(signal: AbortSignal): Promise<LabelSettings> {
  return answerOf(api.GET('/api/v1/labels/settings', { signal }));
}

export function setLabelSettings(body: LabelSettings): Promise<LabelSettings> {
  return answerOf(api.PUT('/api/v1/labels/settings', { body }));
}

export interface Wrong {
  readonly id: string;
  readonly subject: NewMark['subject'];
  readonly subjectId: string;
  readonly fault: Fault;
  readonly right: string;
  readonly note: string;
}

export function markWrong({ id, subject, subjectId, fault, right, note }: Wrong): Promise<LabelMark> {
  const body = {
    id,
    subject,
    subject_id: subjectId,
    fault,
    right_answer: right === '' ? null : right,
    note: note === '' ? null : note,
  };
  return answerOf(api.POST('/api/v1/labels/marks', { body }));
}

export function importLabels(
  format: LabelFormat,
  document: unknown,
  dryRun: boolean,
): Promise<ImportedLabels> {
  const params = { query: { format, dry_run: dryRun } };
  return answerOf(api.POST('/api/v1/labels/import', { params, body: document as never }));
}

export function listDatasets(cursor: string | null, signal: AbortSignal): Promise<DatasetPage> {
  const query = { limit: 50, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/datasets', { params: { query }, signal }));
}

export function freezeDataset(name: string, note: string): Promise<DatasetVersion> {
  return answerOf(api.POST('/api/v1/datasets', { body: { name, note: note === '' ? null : note } }));
}
