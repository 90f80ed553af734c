"""Every operation of the API, generated from the OpenAPI document by ``shoal.write_client``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from shoal.client import models


def _part(value: object) -> str:
    """A part of a path, whatever is in it."""
    return quote(str(value), safe="")


class Operations:
    """The operations, one after the other."""

    def _request(
        self, method: str, path: str, *, query: Mapping[str, Any], headers: Mapping[str, Any], body: Any, form: bool,
        as_json: bool,
    ) -> Any:
        raise NotImplementedError

    def accept_drift(self, alert_id: str) -> models.DriftAlertOut:
        """Take a change for the new normal."""
        answer: models.DriftAlertOut = self._request("POST", f"/api/v1/drift/alerts/{_part(alert_id)}/accept", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def acknowledge_alarm(self, alarm_id: str) -> models.Alarm:
        """Take an alarm on."""
        answer: models.Alarm = self._request("POST", f"/api/v1/alarms/{_part(alarm_id)}/acknowledge", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def add_batch(self, body: models.NewBatch) -> models.Batch:
        """Begin a batch."""
        answer: models.Batch = self._request("POST", "/api/v1/batches", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def add_contact(self, body: models.NewContact) -> models.AddedContact:
        """Add a contact."""
        answer: models.AddedContact = self._request("POST", "/api/v1/contacts", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def add_label(self, task_id: str, body: models.NewLabel) -> models.LabelTaskDetail:
        """Label a frame."""
        answer: models.LabelTaskDetail = self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/labels", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def add_label_mark(self, body: models.NewMark) -> models.LabelMarkOut:
        """Say that a model was wrong."""
        answer: models.LabelMarkOut = self._request("POST", "/api/v1/labels/marks", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def add_organization(self, body: models.NewOrganization) -> models.Organization:
        """Make an organization."""
        answer: models.Organization = self._request("POST", "/api/v1/organizations", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def add_record(self, site: str, body: models.Stocking | models.Transfer | models.Harvest | models.Cull | models.Escape | models.Mortality | models.Adjustment | models.Feeding | models.WeightSample | models.Treatment | models.LiceCount | models.WelfareSample | models.CalibrationRecord | models.Note) -> models.Recorded:
        """Write a record down."""
        answer: models.Recorded = self._request("POST", f"/api/v1/sites/{_part(site)}/records", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def add_task(self, body: models.NewTask, *, idempotency_key: str | None = None) -> models.TaskOut:
        """Ask for work."""
        answer: models.TaskOut = self._request("POST", "/api/v1/tasks", query={}, headers={"idempotency-key": idempotency_key}, body=body, form=False, as_json=True)
        return answer

    def adopt_unit_trial(self, trial_id: str, body: models.TrialAdoption) -> models.RolloutView:
        """Adopt a trial."""
        answer: models.RolloutView = self._request("POST", f"/api/v1/unit-trials/{_part(trial_id)}/adoption", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def append_to_upload(self, upload_id: str, body: bytes, *, tus_resumable: str | None = None, upload_offset: int | None = None) -> None:
        """Go on with an upload."""
        self._request("PATCH", f"/api/v1/samples/{_part(upload_id)}", query={}, headers={"Tus-Resumable": tus_resumable, "Upload-Offset": upload_offset}, body=body, form=False, as_json=False)

    def approve_rollout(self, rollout_id: str, body: models.Approval) -> models.RolloutView:
        """Approve a rollout."""
        answer: models.RolloutView = self._request("POST", f"/api/v1/rollouts/{_part(rollout_id)}/approval", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def approve_unit_trial(self, trial_id: str, body: models.TrialApproval) -> models.UnitTrialSummary:
        """Approve a trial."""
        answer: models.UnitTrialSummary = self._request("POST", f"/api/v1/unit-trials/{_part(trial_id)}/approval", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def ask_rollout(self, body: models.NewRollout) -> models.RolloutView:
        """Roll out a release."""
        answer: models.RolloutView = self._request("POST", "/api/v1/rollouts", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def ask_training_run(self, body: models.NewTrainingRun) -> models.TrainingRunDetail:
        """Ask for a training run."""
        answer: models.TrainingRunDetail = self._request("POST", "/api/v1/training/runs", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def ask_unit_trial(self, body: models.NewUnitTrial) -> models.UnitTrialSummary:
        """Try a release in some units."""
        answer: models.UnitTrialSummary = self._request("POST", "/api/v1/unit-trials", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def cancel_task(self, task_id: str) -> models.TaskOut:
        """End a task."""
        answer: models.TaskOut = self._request("DELETE", f"/api/v1/tasks/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def cancel_training_run(self, run_id: str) -> models.TrainingRunDetail:
        """Cancel a training run."""
        answer: models.TrainingRunDetail = self._request("POST", f"/api/v1/training/runs/{_part(run_id)}/cancel", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def change_contact(self, contact_id: int, body: models.NewContact) -> models.AddedContact:
        """Change a contact."""
        answer: models.AddedContact = self._request("PUT", f"/api/v1/contacts/{_part(contact_id)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def change_password(self, body: models.NewPassword) -> None:
        """Change my password."""
        self._request("POST", "/api/v1/auth/password", query={}, headers={}, body=body, form=False, as_json=False)

    def change_user(self, user_id: int, body: models.PersonChange) -> models.Person:
        """Change a user."""
        answer: models.Person = self._request("PATCH", f"/api/v1/users/{_part(user_id)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def check_audit_log(self) -> models.AuditCheck:
        """Check the audit log."""
        answer: models.AuditCheck = self._request("GET", "/api/v1/audit/check", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def classify_image(self, body: Mapping[str, Any]) -> models.Prediction:
        """Name the species in a picture."""
        answer: models.Prediction = self._request("POST", "/api/v1/predictions/classify", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    def compare_by_picture(self, *, model: str, active: str, candidate: str, start: str | None = None, end: str | None = None, to_see: float | None = None) -> models.TrialByPicture:
        """Two versions on the same pictures."""
        answer: models.TrialByPicture = self._request("GET", "/api/v1/experiments/pictures", query={"model": model, "active": active, "candidate": candidate, "start": start, "end": end, "to_see": to_see}, headers={}, body=None, form=False, as_json=True)
        return answer

    def compare_by_unit(self, *, model: str, start: str | None = None, end: str | None = None, to_see: float | None = None) -> models.TrialByUnit:
        """A trial by unit."""
        answer: models.TrialByUnit = self._request("GET", "/api/v1/experiments/units", query={"model": model, "start": start, "end": end, "to_see": to_see}, headers={}, body=None, form=False, as_json=True)
        return answer

    def compare_unit_trial(self, trial_id: str) -> models.TrialComparison:
        """What a trial shows."""
        answer: models.TrialComparison = self._request("GET", f"/api/v1/unit-trials/{_part(trial_id)}/comparison", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def count_species(self, *, start: str | None = None, end: str | None = None, unit_id: int | None = None) -> models.SpeciesOut:
        """What was recognized."""
        answer: models.SpeciesOut = self._request("GET", "/api/v1/predictions/species", query={"start": start, "end": end, "unit_id": unit_id}, headers={}, body=None, form=False, as_json=True)
        return answer

    def create_upload(self, *, tus_resumable: str | None = None, upload_length: int | None = None, upload_metadata: str | None = None) -> None:
        """Begin to upload a frame."""
        self._request("POST", "/api/v1/samples", query={}, headers={"Tus-Resumable": tus_resumable, "Upload-Length": upload_length, "Upload-Metadata": upload_metadata}, body=None, form=False, as_json=False)

    def delete_device_group(self, group: str) -> None:
        """Delete a group."""
        self._request("DELETE", f"/api/v1/device-groups/{_part(group)}", query={}, headers={}, body=None, form=False, as_json=False)

    def end_unit_trial(self, trial_id: str, body: models.TrialEnd) -> models.UnitTrialSummary:
        """End a trial."""
        answer: models.UnitTrialSummary = self._request("POST", f"/api/v1/unit-trials/{_part(trial_id)}/end", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def enrol_device(self, body: models.Enrolment) -> models.IssuedCertificate:
        """Enrol."""
        answer: models.IssuedCertificate = self._request("POST", "/api/v1/enrolment/certificate", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def explain_prediction(self, body: Mapping[str, Any]) -> models.Explanation:
        """What a classifier looked at."""
        answer: models.Explanation = self._request("POST", "/api/v1/ml/explain", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    def export_audit_log(self, kind: models.Export) -> bytes:
        """Export the audit log."""
        answer: bytes = self._request("GET", f"/api/v1/audit/export.{_part(kind)}", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    def export_labels(self, *, format: models.ExportFormat | None = None, status: models.TaskStatus | None = None, site: str | None = None, after: str | None = None) -> Any:
        """Labels as a file."""
        answer: Any = self._request("GET", "/api/v1/labels/export", query={"format": format, "status": status, "site": site, "after": after}, headers={}, body=None, form=False, as_json=True)
        return answer

    def export_site_csv(self, site: str, *, start: str, end: str, quantities: list[str] | None = None, resolution: models.Resolution | None = None) -> bytes:
        """All channels of a site as a CSV file."""
        answer: bytes = self._request("GET", f"/api/v1/sites/{_part(site)}/export.csv", query={"start": start, "end": end, "quantities": quantities, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    def export_site_parquet(self, site: str, *, start: str, end: str, quantities: list[str] | None = None, resolution: models.Resolution | None = None) -> bytes:
        """All channels of a site as a Parquet file."""
        answer: bytes = self._request("GET", f"/api/v1/sites/{_part(site)}/export.parquet", query={"start": start, "end": end, "quantities": quantities, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    def freeze_dataset(self, body: models.NewDataset) -> models.DatasetVersion:
        """Freeze a data set."""
        answer: models.DatasetVersion = self._request("POST", "/api/v1/datasets", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def get_advice_settings(self, site: str) -> models.AdviceSettings:
        """What advice may do."""
        answer: models.AdviceSettings = self._request("GET", f"/api/v1/sites/{_part(site)}/advice-settings", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_alarm_history(self, alarm_id: str) -> list[models.AlarmStep]:
        """What happened to an alarm."""
        answer: list[models.AlarmStep] = self._request("GET", f"/api/v1/alarms/{_part(alarm_id)}/history", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_alarm_performance(self, site: str, *, start: str, end: str) -> models.AlarmPerformance:
        """Do the alarms serve?."""
        answer: models.AlarmPerformance = self._request("GET", f"/api/v1/sites/{_part(site)}/alarm-performance", query={"start": start, "end": end}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_async_prediction(self, task_id: str) -> models.PredictionTaskOut:
        """A prediction asked for later."""
        answer: models.PredictionTaskOut = self._request("GET", f"/api/v1/ml/predict/async/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_batch(self, code: str) -> models.Batch:
        """One batch."""
        answer: models.Batch = self._request("GET", f"/api/v1/batches/{_part(code)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_before(self, unit_id: int, *, at: str, hours: int | None = None) -> models.Before:
        """What changed before it happened."""
        answer: models.Before = self._request("GET", f"/api/v1/units/{_part(unit_id)}/before", query={"at": at, "hours": hours}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_channel_csv(self, channel_id: int, *, start: str, end: str, resolution: models.Resolution | None = None) -> bytes:
        """A channel as a CSV file."""
        answer: bytes = self._request("GET", f"/api/v1/channels/{_part(channel_id)}/series.csv", query={"start": start, "end": end, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_channel_parquet(self, channel_id: int, *, start: str, end: str, resolution: models.Resolution | None = None) -> bytes:
        """A channel as a Parquet file."""
        answer: bytes = self._request("GET", f"/api/v1/channels/{_part(channel_id)}/series.parquet", query={"start": start, "end": end, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_channel_series(self, channel_id: int, *, start: str, end: str, max_points: int | None = None) -> models.Series:
        """A channel over time."""
        answer: models.Series = self._request("GET", f"/api/v1/channels/{_part(channel_id)}/series", query={"start": start, "end": end, "max_points": max_points}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_command(self, site: str, device: str, command_id: str) -> models.CommandOut:
        """One command to a device."""
        answer: models.CommandOut = self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands/{_part(command_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_command_archive(self, site: str, device: str, command_id: str) -> bytes:
        """The archive that a device sent."""
        answer: bytes = self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands/{_part(command_id)}/archive", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_counts(self, unit_id: int, *, start: str, end: str, resolution: models.CountResolution | None = None, cast_back: bool | None = None) -> models.CountSeries:
        """Counts over time."""
        answer: models.CountSeries = self._request("GET", f"/api/v1/units/{_part(unit_id)}/counts", query={"start": start, "end": end, "resolution": resolution, "cast_back": cast_back}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_dataset(self, dataset_id: str) -> models.DatasetVersion:
        """A version of a data set."""
        answer: models.DatasetVersion = self._request("GET", f"/api/v1/datasets/{_part(dataset_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_dataset_annotations(self, dataset_id: str) -> Any:
        """The labels of a data set."""
        answer: Any = self._request("GET", f"/api/v1/datasets/{_part(dataset_id)}/annotations.json", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_dataset_archive(self, dataset_id: str, *, after: str | None = None, images: int | None = None) -> bytes:
        """A data set with its images."""
        answer: bytes = self._request("GET", f"/api/v1/datasets/{_part(dataset_id)}/archive.zip", query={"after": after, "images": images}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_dead_letter_order(self, order_id: str) -> models.DeadLetterOrder:
        """One order about failed messages."""
        answer: models.DeadLetterOrder = self._request("GET", f"/api/v1/dead-letters/orders/{_part(order_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_detailed_health(self) -> models.DetailedHealth:
        """Everything this process depends on."""
        answer: models.DetailedHealth = self._request("GET", "/health/detailed", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_device_diagnostics(self, site: str, device: str) -> models.DeviceDiagnostics:
        """Diagnostics of a device."""
        answer: models.DeviceDiagnostics = self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/diagnostics", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_drift_alert(self, alert_id: str) -> models.DriftAlertOut:
        """One piece of advice."""
        answer: models.DriftAlertOut = self._request("GET", f"/api/v1/drift/alerts/{_part(alert_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_drift_hours(self, unit_id: int, model_sha256: str, *, start: str | None = None, end: str | None = None) -> models.DriftHours:
        """Signals over time."""
        answer: models.DriftHours = self._request("GET", f"/api/v1/drift/series/{_part(unit_id)}/{_part(model_sha256)}", query={"start": start, "end": end}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_health(self) -> models.Health:
        """Health summary."""
        answer: models.Health = self._request("GET", "/health", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_image(self, sha256: str, *, expires: int | None = None, signature: str | None = None, if_none_match: str | None = None) -> bytes:
        """An evidence image."""
        answer: bytes = self._request("GET", f"/api/v1/images/{_part(sha256)}", query={"expires": expires, "signature": signature}, headers={"if-none-match": if_none_match}, body=None, form=False, as_json=False)
        return answer

    def get_kpis(self, site: str, *, start: str, end: str, unit: str | None = None, batch: str | None = None, cost: float | None = None) -> models.SiteKpis:
        """How the farm does."""
        answer: models.SiteKpis = self._request("GET", f"/api/v1/sites/{_part(site)}/kpis", query={"start": start, "end": end, "unit": unit, "batch": batch, "cost": cost}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_label_progress(self) -> models.LabelProgress:
        """How the labelling stands."""
        answer: models.LabelProgress = self._request("GET", "/api/v1/labels/progress", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_label_settings(self) -> models.LabelSettings:
        """What is labelled."""
        answer: models.LabelSettings = self._request("GET", "/api/v1/labels/settings", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_label_task(self, task_id: str) -> models.LabelTaskDetail:
        """A frame and its labels."""
        answer: models.LabelTaskDetail = self._request("GET", f"/api/v1/labels/tasks/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_ladders(self, site: str) -> models.ShownLadders:
        """Escalation ladders."""
        answer: models.ShownLadders = self._request("GET", f"/api/v1/sites/{_part(site)}/ladders", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_live(self) -> models.Live:
        """Liveness."""
        answer: models.Live = self._request("GET", "/live", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_me(self) -> models.User:
        """The signed-in user."""
        answer: models.User = self._request("GET", "/api/v1/auth/me", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_ml_model(self, version: str) -> models.ModelDetail:
        """One installed model."""
        answer: models.ModelDetail = self._request("GET", f"/api/v1/ml/models/{_part(version)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_model_health(self) -> models.ModelsHealth:
        """Health of models."""
        answer: models.ModelsHealth = self._request("GET", "/api/v1/models/health", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_model_stats(self) -> models.ModelsStats:
        """Statistics of models."""
        answer: models.ModelsStats = self._request("GET", "/api/v1/models/stats", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_performance(self, *, window_s: int | None = None) -> models.Performance:
        """How fast this process answers."""
        answer: models.Performance = self._request("GET", "/api/v1/metrics/performance", query={"window_s": window_s}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_prediction_stats(self, *, start: str | None = None, end: str | None = None, unit_id: int | None = None) -> models.PredictionStats:
        """Predictions in numbers."""
        answer: models.PredictionStats = self._request("GET", "/api/v1/predictions/stats", query={"start": start, "end": end, "unit_id": unit_id}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_proofs(self, site: str) -> models.Proofs:
        """Is the alarm path proven?."""
        answer: models.Proofs = self._request("GET", f"/api/v1/sites/{_part(site)}/alarm-path", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_ready(self) -> models.Ready:
        """Readiness."""
        answer: models.Ready = self._request("GET", "/ready", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_record(self, record_id: str) -> models.RecordHistory:
        """A record and its history."""
        answer: models.RecordHistory = self._request("GET", f"/api/v1/records/{_part(record_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_release(self, model: str, version: str) -> models.ReleaseDetail:
        """One release."""
        answer: models.ReleaseDetail = self._request("GET", f"/api/v1/releases/{_part(model)}/{_part(version)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_report_csv(self, site: str, name: models.Name, *, start: str, end: str, batch: str | None = None, region: str | None = None) -> bytes:
        """A report as CSV."""
        answer: bytes = self._request("GET", f"/api/v1/sites/{_part(site)}/reports/{_part(name)}.csv", query={"start": start, "end": end, "batch": batch, "region": region}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_report_pdf(self, site: str, name: models.Name, *, start: str, end: str, batch: str | None = None, region: str | None = None) -> bytes:
        """A report as PDF."""
        answer: bytes = self._request("GET", f"/api/v1/sites/{_part(site)}/reports/{_part(name)}.pdf", query={"start": start, "end": end, "batch": batch, "region": region}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_revocation_list(self) -> bytes:
        """Revoked certificates."""
        answer: bytes = self._request("GET", "/api/v1/enrolment/revoked.pem", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_rollout(self, rollout_id: str) -> models.RolloutView:
        """A rollout."""
        answer: models.RolloutView = self._request("GET", f"/api/v1/rollouts/{_part(rollout_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_roster(self, site: str) -> models.Roster:
        """Who is on call."""
        answer: models.Roster = self._request("GET", f"/api/v1/sites/{_part(site)}/on-call", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_sample_image(self, sample_id: str, *, expires: int | None = None, signature: str | None = None, if_none_match: str | None = None) -> bytes:
        """The frame of a sample."""
        answer: bytes = self._request("GET", f"/api/v1/samples/{_part(sample_id)}/image", query={"expires": expires, "signature": signature}, headers={"if-none-match": if_none_match}, body=None, form=False, as_json=False)
        return answer

    def get_sample_size(self, *, accuracy: float, difference: float, disagreement: float | None = None, power: float | None = None, design_effect: float | None = None) -> models.SampleSize:
        """How many pictures show a difference."""
        answer: models.SampleSize = self._request("GET", "/api/v1/experiments/sample-size", query={"accuracy": accuracy, "difference": difference, "disagreement": disagreement, "power": power, "design_effect": design_effect}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_site(self, site: str) -> models.Site:
        """One site."""
        answer: models.Site = self._request("GET", f"/api/v1/sites/{_part(site)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_site_latest(self, site: str) -> models.SiteLatest:
        """The newest of everything at a site."""
        answer: models.SiteLatest = self._request("GET", f"/api/v1/sites/{_part(site)}/latest", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_site_model_health(self, site: str) -> models.SiteModelHealth:
        """How the models of a site do."""
        answer: models.SiteModelHealth = self._request("GET", f"/api/v1/sites/{_part(site)}/model-health", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_task(self, task_id: str) -> models.TaskOut:
        """One task."""
        answer: models.TaskOut = self._request("GET", f"/api/v1/tasks/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_task_file(self, task_id: str) -> bytes:
        """The file that a task made."""
        answer: bytes = self._request("GET", f"/api/v1/tasks/{_part(task_id)}/file", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    def get_training_run(self, run_id: str) -> models.TrainingRunDetail:
        """One training run."""
        answer: models.TrainingRunDetail = self._request("GET", f"/api/v1/training/runs/{_part(run_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_unit(self, unit_id: int) -> models.Unit:
        """One unit."""
        answer: models.Unit = self._request("GET", f"/api/v1/units/{_part(unit_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_unit_trial(self, trial_id: str) -> models.UnitTrialView:
        """A trial in some units."""
        answer: models.UnitTrialView = self._request("GET", f"/api/v1/unit-trials/{_part(trial_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def get_upload_offset(self, upload_id: str, *, tus_resumable: str | None = None) -> None:
        """How far an upload is."""
        self._request("HEAD", f"/api/v1/samples/{_part(upload_id)}", query={}, headers={"Tus-Resumable": tus_resumable}, body=None, form=False, as_json=False)

    def get_upload_options(self) -> None:
        """What the upload can do."""
        self._request("OPTIONS", "/api/v1/samples", query={}, headers={}, body=None, form=False, as_json=False)

    def get_user(self, user_id: int) -> models.Person:
        """One user."""
        answer: models.Person = self._request("GET", f"/api/v1/users/{_part(user_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def give_next_label_task(self, body: models.NextFrame) -> models.NextTask:
        """The next frame to label."""
        answer: models.NextTask = self._request("POST", "/api/v1/labels/next", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def hold_label_task(self, task_id: str) -> models.LabelTaskDetail:
        """Hold a frame."""
        answer: models.LabelTaskDetail = self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/lease", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def import_labels(self, body: Any, *, format: models.ExportFormat | None = None, dry_run: bool | None = None) -> models.ImportedLabels:
        """Labels from a file."""
        answer: models.ImportedLabels = self._request("POST", "/api/v1/labels/import", query={"format": format, "dry_run": dry_run}, headers={}, body=body, form=False, as_json=True)
        return answer

    def import_records(self, site: str, body: bytes, *, kind: Literal['stocking', 'transfer', 'harvest', 'cull', 'escape', 'mortality', 'adjustment', 'feeding', 'weight_sample', 'treatment', 'lice_count', 'welfare_sample', 'calibration', 'note'], dry_run: bool | None = None) -> models.Imported:
        """Import a CSV file."""
        answer: models.Imported = self._request("POST", f"/api/v1/sites/{_part(site)}/records/import", query={"kind": kind, "dry_run": dry_run}, headers={}, body=body, form=False, as_json=True)
        return answer

    def invite(self, body: models.NewInvitation) -> models.OneTimeToken:
        """Invite somebody."""
        answer: models.OneTimeToken = self._request("POST", "/api/v1/invitations", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def list_active_models(self) -> models.ActiveModels:
        """Active models."""
        answer: models.ActiveModels = self._request("GET", "/api/v1/models/active", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_advice(self, site: str, *, open: bool | None = None, limit: int | None = None, cursor: str | None = None) -> models.AdvicePage:
        """Advice on abnormal series."""
        answer: models.AdvicePage = self._request("GET", f"/api/v1/sites/{_part(site)}/advice", query={"open": open, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_alarm_assignees(self, alarm_id: str) -> list[models.Assignee]:
        """Who could do it."""
        answer: list[models.Assignee] = self._request("GET", f"/api/v1/alarms/{_part(alarm_id)}/assignees", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_alarms(self, *, site: str | None = None, open: bool | None = None, assignee: int | None = None, limit: int | None = None, cursor: str | None = None) -> models.AlarmPage:
        """Alarms."""
        answer: models.AlarmPage = self._request("GET", "/api/v1/alarms", query={"site": site, "open": open, "assignee": assignee, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_all_models(self) -> models.ModelsOut:
        """All models."""
        answer: models.ModelsOut = self._request("GET", "/api/v1/models/all", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_api_keys(self, *, limit: int | None = None, cursor: str | None = None) -> models.ApiKeyPage:
        """Keys."""
        answer: models.ApiKeyPage = self._request("GET", "/api/v1/api-keys", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_audit_entries(self, *, actor: str | None = None, action: str | None = None, subject: str | None = None, start: str | None = None, end: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.AuditPage:
        """The audit log."""
        answer: models.AuditPage = self._request("GET", "/api/v1/audit", query={"actor": actor, "action": action, "subject": subject, "start": start, "end": end, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_batches(self, *, limit: int | None = None, cursor: str | None = None) -> models.BatchPage:
        """Batches."""
        answer: models.BatchPage = self._request("GET", "/api/v1/batches", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_certificates(self, *, site: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.CertificatePage:
        """Certificates of devices."""
        answer: models.CertificatePage = self._request("GET", "/api/v1/enrolment/certificates", query={"site": site, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_channel_calibrations(self, channel_id: int) -> list[models.CalibrationChange]:
        """What a channel's values rest on."""
        answer: list[models.CalibrationChange] = self._request("GET", f"/api/v1/channels/{_part(channel_id)}/calibrations", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_commands(self, site: str, device: str) -> models.CommandList:
        """Commands to a device."""
        answer: models.CommandList = self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_contacts(self) -> list[models.Contact]:
        """Contacts."""
        answer: list[models.Contact] = self._request("GET", "/api/v1/contacts", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_datasets(self, *, name: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DatasetPage:
        """Data sets."""
        answer: models.DatasetPage = self._request("GET", "/api/v1/datasets", query={"name": name, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_dead_letter_orders(self) -> models.DeadLetterOrders:
        """Orders about failed messages."""
        answer: models.DeadLetterOrders = self._request("GET", "/api/v1/dead-letters/orders", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_dead_letter_reasons(self) -> models.DeadLetterReasons:
        """Why messages failed."""
        answer: models.DeadLetterReasons = self._request("GET", "/api/v1/dead-letters/reasons", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_dead_letters(self, *, state: models.LetterState | None = None, reason: str | None = None, site: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DeadLetterPage:
        """Messages that failed."""
        answer: models.DeadLetterPage = self._request("GET", "/api/v1/dead-letters", query={"state": state, "reason": reason, "site": site, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_device_deployments(self, *, site: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DeviceStandingPage:
        """Deployments of devices."""
        answer: models.DeviceStandingPage = self._request("GET", "/api/v1/device-deployments", query={"site": site, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_device_groups(self, *, limit: int | None = None, cursor: str | None = None) -> models.DeviceGroupPage:
        """Groups of devices."""
        answer: models.DeviceGroupPage = self._request("GET", "/api/v1/device-groups", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_device_health(self, *, site: str | None = None, wrong: bool | None = None, limit: int | None = None, cursor: str | None = None) -> models.DeviceHealthPage:
        """Health of devices."""
        answer: models.DeviceHealthPage = self._request("GET", "/api/v1/device-health", query={"site": site, "wrong": wrong, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_devices(self, *, site: str | None = None, tag: str | None = None, group: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DevicePage:
        """Devices."""
        answer: models.DevicePage = self._request("GET", "/api/v1/devices", query={"site": site, "tag": tag, "group": group, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_drift_alerts(self, *, site: str | None = None, unit_id: int | None = None, open: bool | None = None, limit: int | None = None, cursor: str | None = None) -> models.DriftAlertPage:
        """Advice on drift."""
        answer: models.DriftAlertPage = self._request("GET", "/api/v1/drift/alerts", query={"site": site, "unit_id": unit_id, "open": open, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_drift_series(self, *, site: str | None = None, model: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DriftSeriesPage:
        """Versions at units, with their signals."""
        answer: models.DriftSeriesPage = self._request("GET", "/api/v1/drift/series", query={"site": site, "model": model, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_holdings(self, site: str) -> list[models.Holding]:
        """What the units hold."""
        answer: list[models.Holding] = self._request("GET", f"/api/v1/sites/{_part(site)}/holdings", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_invitations(self, *, limit: int | None = None, cursor: str | None = None) -> models.InvitationPage:
        """Invitations."""
        answer: models.InvitationPage = self._request("GET", "/api/v1/invitations", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_label_marks(self, *, model: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.LabelMarkPage:
        """What models had wrong."""
        answer: models.LabelMarkPage = self._request("GET", "/api/v1/labels/marks", query={"model": model, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_label_tasks(self, *, site: str | None = None, status: models.TaskStatus | None = None, camera: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.LabelTaskPage:
        """The label queue."""
        answer: models.LabelTaskPage = self._request("GET", "/api/v1/labels/tasks", query={"site": site, "status": status, "camera": camera, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_lice(self, site: str, *, region: str | None = None) -> list[models.LiceStatus]:
        """Lice by pen."""
        answer: list[models.LiceStatus] = self._request("GET", f"/api/v1/sites/{_part(site)}/lice", query={"region": region}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_ml_models(self) -> models.ModelsOut:
        """Installed models."""
        answer: models.ModelsOut = self._request("GET", "/api/v1/ml/models", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_model_changes(self, unit_id: int, *, start: str, end: str) -> models.ModelChanges:
        """Changes of models."""
        answer: models.ModelChanges = self._request("GET", f"/api/v1/units/{_part(unit_id)}/model-changes", query={"start": start, "end": end}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_notifications(self, site: str, *, alarm: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.NotificationPage:
        """Messages."""
        answer: models.NotificationPage = self._request("GET", f"/api/v1/sites/{_part(site)}/notifications", query={"alarm": alarm, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_organizations(self, *, limit: int | None = None, cursor: str | None = None) -> models.OrganizationPage:
        """Organizations."""
        answer: models.OrganizationPage = self._request("GET", "/api/v1/organizations", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_predictions(self, *, start: str | None = None, end: str | None = None, unit_id: int | None = None, label: str | None = None, model: str | None = None, level: models.Level | None = None, limit: int | None = None, cursor: str | None = None) -> models.PredictionPage:
        """Past predictions."""
        answer: models.PredictionPage = self._request("GET", "/api/v1/predictions/history", query={"start": start, "end": end, "unit_id": unit_id, "label": label, "model": model, "level": level, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_rationales(self) -> list[models.Rationale]:
        """Why each alarm exists."""
        answer: list[models.Rationale] = self._request("GET", "/api/v1/alarm-rationales", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_records(self, site: str, *, kind: Literal['stocking', 'transfer', 'harvest', 'cull', 'escape', 'mortality', 'adjustment', 'feeding', 'weight_sample', 'treatment', 'lice_count', 'welfare_sample', 'calibration', 'note'] | None = None, unit: str | None = None, batch: str | None = None, start: str | None = None, end: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.RecordPage:
        """The diary."""
        answer: models.RecordPage = self._request("GET", f"/api/v1/sites/{_part(site)}/records", query={"kind": kind, "unit": unit, "batch": batch, "start": start, "end": end, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_releases(self) -> models.ReleaseRegistry:
        """Releases and their signatures."""
        answer: models.ReleaseRegistry = self._request("GET", "/api/v1/releases", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_retrain_rules(self) -> models.RetrainRules:
        """When models are trained again."""
        answer: models.RetrainRules = self._request("GET", "/api/v1/training/rules", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_rollout_decisions(self, rollout_id: str, *, limit: int | None = None, cursor: str | None = None) -> models.DecisionPage:
        """Decision log."""
        answer: models.DecisionPage = self._request("GET", f"/api/v1/rollouts/{_part(rollout_id)}/decisions", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_rollout_devices(self, rollout_id: str, *, limit: int | None = None, cursor: str | None = None) -> models.RolloutDevicePage:
        """Devices of a rollout."""
        answer: models.RolloutDevicePage = self._request("GET", f"/api/v1/rollouts/{_part(rollout_id)}/devices", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_rollouts(self, *, limit: int | None = None, cursor: str | None = None) -> models.RolloutPage:
        """Rollouts."""
        answer: models.RolloutPage = self._request("GET", "/api/v1/rollouts", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_sample_pairs(self, *, model: str, version: str, limit: int | None = None) -> models.SamplePairs:
        """Frames that two models saw differently."""
        answer: models.SamplePairs = self._request("GET", "/api/v1/samples/pairs", query={"model": model, "version": version, "limit": limit}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_sign_in_ways(self) -> models.SignInWays:
        """Ways to sign in."""
        answer: models.SignInWays = self._request("GET", "/api/v1/auth/ways", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_sites(self, *, limit: int | None = None, cursor: str | None = None) -> models.SitePage:
        """Sites."""
        answer: models.SitePage = self._request("GET", "/api/v1/sites", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_tasks(self, *, state: Literal['queued', 'running', 'succeeded', 'failed', 'cancelled'] | None = None, kind: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.TaskPage:
        """Tasks."""
        answer: models.TaskPage = self._request("GET", "/api/v1/tasks", query={"state": state, "kind": kind, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_training_runs(self, *, model: str | None = None, state: list[models.Outcome] | None = None, limit: int | None = None, cursor: str | None = None) -> models.TrainingRunPage:
        """Training runs."""
        answer: models.TrainingRunPage = self._request("GET", "/api/v1/training/runs", query={"model": model, "state": state, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_unit_observations(self, unit_id: int, *, limit: int | None = None, before: str | None = None) -> models.ObservationPage:
        """Observations of a unit."""
        answer: models.ObservationPage = self._request("GET", f"/api/v1/units/{_part(unit_id)}/observations", query={"limit": limit, "before": before}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_unit_trial_boxes(self, trial_id: str, *, limit: int | None = None, cursor: str | None = None) -> models.TrialBoxPage:
        """Boxes of a trial."""
        answer: models.TrialBoxPage = self._request("GET", f"/api/v1/unit-trials/{_part(trial_id)}/boxes", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_unit_trials(self, *, limit: int | None = None, cursor: str | None = None) -> models.UnitTrialPage:
        """Trials in some units."""
        answer: models.UnitTrialPage = self._request("GET", "/api/v1/unit-trials", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_units(self, site: str, *, limit: int | None = None, cursor: str | None = None) -> models.UnitPage:
        """Units of a site."""
        answer: models.UnitPage = self._request("GET", f"/api/v1/sites/{_part(site)}/units", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_users(self, *, limit: int | None = None, cursor: str | None = None) -> models.PersonPage:
        """Users."""
        answer: models.PersonPage = self._request("GET", "/api/v1/users", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    def list_withdrawals(self, site: str) -> list[models.Withdrawal]:
        """Running withdrawals."""
        answer: list[models.Withdrawal] = self._request("GET", f"/api/v1/sites/{_part(site)}/withdrawals", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def login(self, body: models.Body_login) -> models.LoginAnswer:
        """Sign in."""
        answer: models.LoginAnswer = self._request("POST", "/api/v1/auth/login", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    def logout(self) -> None:
        """Sign out."""
        self._request("POST", "/api/v1/auth/logout", query={}, headers={}, body=None, form=False, as_json=False)

    def make_api_key(self, body: models.NewApiKey) -> models.MadeApiKey:
        """Make a key."""
        answer: models.MadeApiKey = self._request("POST", "/api/v1/api-keys", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def make_enrolment_token(self, body: models.NewEnrolment) -> models.EnrolmentToken:
        """Let a device enrol."""
        answer: models.EnrolmentToken = self._request("POST", "/api/v1/enrolment/tokens", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def order_command(self, site: str, device: str, body: models.NewCommand) -> models.CommandOut:
        """Order a command to a device."""
        answer: models.CommandOut = self._request("POST", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def order_dead_letters(self, body: models.NewDeadLetterOrder) -> models.DeadLetterOrder:
        """Put messages back, or discard them."""
        answer: models.DeadLetterOrder = self._request("POST", "/api/v1/dead-letters/orders", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def order_rollout(self, rollout_id: str, body: models.Order) -> models.RolloutView:
        """Order a rollout."""
        answer: models.RolloutView = self._request("POST", f"/api/v1/rollouts/{_part(rollout_id)}/orders", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def predict(self, body: Mapping[str, Any]) -> models.Prediction:
        """Run a model on a picture."""
        answer: models.Prediction = self._request("POST", "/api/v1/ml/predict", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    def predict_async(self, body: Mapping[str, Any]) -> models.PredictionTaskAccepted:
        """Run a model on pictures later."""
        answer: models.PredictionTaskAccepted = self._request("POST", "/api/v1/ml/predict/async", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    def predict_batch(self, body: Mapping[str, Any]) -> models.BatchPrediction:
        """Run a model on many pictures."""
        answer: models.BatchPrediction = self._request("POST", "/api/v1/ml/predict/batch", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    def put_device_archive(self, body: bytes, *, site: str, device: str, command: str, file: str, sha256: str) -> models.ArchiveOut:
        """Send an archive that was ordered."""
        answer: models.ArchiveOut = self._request("PUT", "/api/v1/device-archives", query={"site": site, "device": device, "command": command, "file": file, "sha256": sha256}, headers={}, body=body, form=False, as_json=True)
        return answer

    def refresh(self, body: models.RefreshToken) -> models.LoginAnswer:
        """Stay signed in."""
        answer: models.LoginAnswer = self._request("POST", "/api/v1/auth/refresh", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def register(self, body: models.Registration) -> models.LoginAnswer:
        """Register."""
        answer: models.LoginAnswer = self._request("POST", "/api/v1/auth/register", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def release_label_task(self, task_id: str) -> None:
        """Let a frame go."""
        self._request("DELETE", f"/api/v1/labels/tasks/{_part(task_id)}/lease", query={}, headers={}, body=None, form=False, as_json=False)

    def remove_contact(self, contact_id: int) -> None:
        """Remove a contact."""
        self._request("DELETE", f"/api/v1/contacts/{_part(contact_id)}", query={}, headers={}, body=None, form=False, as_json=False)

    def renew_certificate(self, body: models.Renewal) -> models.IssuedCertificate:
        """Renew a certificate."""
        answer: models.IssuedCertificate = self._request("POST", "/api/v1/enrolment/renewal", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def repository_file(self, path: str) -> None:
        """Repository File."""
        self._request("GET", f"/api/v1/repository/{_part(path)}", query={}, headers={}, body=None, form=False, as_json=False)

    def reset_password(self, body: models.PasswordReset) -> None:
        """Set a forgotten password."""
        self._request("POST", "/api/v1/auth/password/reset", query={}, headers={}, body=body, form=False, as_json=False)

    def reset_performance(self) -> None:
        """Begin the window anew."""
        self._request("POST", "/api/v1/metrics/performance/reset", query={}, headers={}, body=None, form=False, as_json=False)

    def reset_user(self, user_id: int) -> models.OneTimeToken:
        """Reset a password."""
        answer: models.OneTimeToken = self._request("POST", f"/api/v1/users/{_part(user_id)}/reset", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def review_label_task(self, task_id: str, body: models.Review) -> models.LabelTaskDetail:
        """Decide on a frame."""
        answer: models.LabelTaskDetail = self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/review", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def revoke_api_key(self, key_id: int) -> None:
        """Revoke a key."""
        self._request("DELETE", f"/api/v1/api-keys/{_part(key_id)}", query={}, headers={}, body=None, form=False, as_json=False)

    def revoke_certificate(self, serial: str, body: models.Revocation) -> None:
        """Revoke a certificate."""
        self._request("POST", f"/api/v1/enrolment/certificates/{_part(serial)}/revoke", query={}, headers={}, body=body, form=False, as_json=False)

    def set_advice_settings(self, site: str, body: models.NewAdviceSettings) -> models.AdviceSettings:
        """Set what advice may do."""
        answer: models.AdviceSettings = self._request("PUT", f"/api/v1/sites/{_part(site)}/advice-settings", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_alarm_assignee(self, alarm_id: str, body: models.NewAssignee) -> models.Alarm:
        """Assign an alarm."""
        answer: models.Alarm = self._request("PUT", f"/api/v1/alarms/{_part(alarm_id)}/assignee", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_device_group(self, group: str, body: models.GroupMembers) -> models.DeviceGroup:
        """Make or change a group."""
        answer: models.DeviceGroup = self._request("PUT", f"/api/v1/device-groups/{_part(group)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_device_tags(self, site: str, device: str, body: models.DeviceTags) -> models.Device:
        """Tags of a device."""
        answer: models.Device = self._request("PUT", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/tags", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_label_settings(self, body: models.LabelSettings) -> models.LabelSettings:
        """Change what is labelled."""
        answer: models.LabelSettings = self._request("PUT", "/api/v1/labels/settings", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_ladders(self, site: str, body: models.SiteLadders) -> models.ShownLadders:
        """Set escalation ladders."""
        answer: models.ShownLadders = self._request("PUT", f"/api/v1/sites/{_part(site)}/ladders", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_rationale(self, definition: str, body: models.NewRationale) -> models.Rationale:
        """Review why an alarm exists."""
        answer: models.Rationale = self._request("PUT", f"/api/v1/alarm-rationales/{_part(definition)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_retrain_rule(self, model: str, body: models.RetrainRuleBody) -> models.RetrainRuleOut:
        """Set when a model is trained again."""
        answer: models.RetrainRuleOut = self._request("PUT", f"/api/v1/training/rules/{_part(model)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def set_roster(self, site: str, body: models.Roster) -> models.Roster:
        """Set who is on call."""
        answer: models.Roster = self._request("PUT", f"/api/v1/sites/{_part(site)}/on-call", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def shelve_alarm(self, alarm_id: str, body: models.Shelf) -> models.Alarm:
        """Shelve an alarm."""
        answer: models.Alarm = self._request("POST", f"/api/v1/alarms/{_part(alarm_id)}/shelve", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def sign_user_out(self, user_id: int) -> None:
        """Sign a user out."""
        self._request("POST", f"/api/v1/users/{_part(user_id)}/sign-out", query={}, headers={}, body=None, form=False, as_json=False)

    def strike_record(self, record_id: str, body: models.Strike) -> models.Recorded:
        """Strike a record out."""
        answer: models.Recorded = self._request("POST", f"/api/v1/records/{_part(record_id)}/strike", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    def test_alarm_path(self, site: str) -> models.Proofs:
        """Test the alarm path."""
        answer: models.Proofs = self._request("POST", f"/api/v1/sites/{_part(site)}/alarm-path/test", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def undo_label(self, task_id: str) -> models.LabelTaskDetail:
        """Take one's label back."""
        answer: models.LabelTaskDetail = self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/undo", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def unshelve_alarm(self, alarm_id: str) -> models.Alarm:
        """Take an alarm off the shelf."""
        answer: models.Alarm = self._request("POST", f"/api/v1/alarms/{_part(alarm_id)}/unshelve", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    def withdraw_invitation(self, invitation_id: int) -> None:
        """Withdraw an invitation."""
        self._request("DELETE", f"/api/v1/invitations/{_part(invitation_id)}", query={}, headers={}, body=None, form=False, as_json=False)


class AsyncOperations:
    """The operations, awaited."""

    async def _request(
        self, method: str, path: str, *, query: Mapping[str, Any], headers: Mapping[str, Any], body: Any, form: bool,
        as_json: bool,
    ) -> Any:
        raise NotImplementedError

    async def accept_drift(self, alert_id: str) -> models.DriftAlertOut:
        """Take a change for the new normal."""
        answer: models.DriftAlertOut = await self._request("POST", f"/api/v1/drift/alerts/{_part(alert_id)}/accept", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def acknowledge_alarm(self, alarm_id: str) -> models.Alarm:
        """Take an alarm on."""
        answer: models.Alarm = await self._request("POST", f"/api/v1/alarms/{_part(alarm_id)}/acknowledge", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def add_batch(self, body: models.NewBatch) -> models.Batch:
        """Begin a batch."""
        answer: models.Batch = await self._request("POST", "/api/v1/batches", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def add_contact(self, body: models.NewContact) -> models.AddedContact:
        """Add a contact."""
        answer: models.AddedContact = await self._request("POST", "/api/v1/contacts", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def add_label(self, task_id: str, body: models.NewLabel) -> models.LabelTaskDetail:
        """Label a frame."""
        answer: models.LabelTaskDetail = await self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/labels", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def add_label_mark(self, body: models.NewMark) -> models.LabelMarkOut:
        """Say that a model was wrong."""
        answer: models.LabelMarkOut = await self._request("POST", "/api/v1/labels/marks", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def add_organization(self, body: models.NewOrganization) -> models.Organization:
        """Make an organization."""
        answer: models.Organization = await self._request("POST", "/api/v1/organizations", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def add_record(self, site: str, body: models.Stocking | models.Transfer | models.Harvest | models.Cull | models.Escape | models.Mortality | models.Adjustment | models.Feeding | models.WeightSample | models.Treatment | models.LiceCount | models.WelfareSample | models.CalibrationRecord | models.Note) -> models.Recorded:
        """Write a record down."""
        answer: models.Recorded = await self._request("POST", f"/api/v1/sites/{_part(site)}/records", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def add_task(self, body: models.NewTask, *, idempotency_key: str | None = None) -> models.TaskOut:
        """Ask for work."""
        answer: models.TaskOut = await self._request("POST", "/api/v1/tasks", query={}, headers={"idempotency-key": idempotency_key}, body=body, form=False, as_json=True)
        return answer

    async def adopt_unit_trial(self, trial_id: str, body: models.TrialAdoption) -> models.RolloutView:
        """Adopt a trial."""
        answer: models.RolloutView = await self._request("POST", f"/api/v1/unit-trials/{_part(trial_id)}/adoption", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def append_to_upload(self, upload_id: str, body: bytes, *, tus_resumable: str | None = None, upload_offset: int | None = None) -> None:
        """Go on with an upload."""
        await self._request("PATCH", f"/api/v1/samples/{_part(upload_id)}", query={}, headers={"Tus-Resumable": tus_resumable, "Upload-Offset": upload_offset}, body=body, form=False, as_json=False)

    async def approve_rollout(self, rollout_id: str, body: models.Approval) -> models.RolloutView:
        """Approve a rollout."""
        answer: models.RolloutView = await self._request("POST", f"/api/v1/rollouts/{_part(rollout_id)}/approval", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def approve_unit_trial(self, trial_id: str, body: models.TrialApproval) -> models.UnitTrialSummary:
        """Approve a trial."""
        answer: models.UnitTrialSummary = await self._request("POST", f"/api/v1/unit-trials/{_part(trial_id)}/approval", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def ask_rollout(self, body: models.NewRollout) -> models.RolloutView:
        """Roll out a release."""
        answer: models.RolloutView = await self._request("POST", "/api/v1/rollouts", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def ask_training_run(self, body: models.NewTrainingRun) -> models.TrainingRunDetail:
        """Ask for a training run."""
        answer: models.TrainingRunDetail = await self._request("POST", "/api/v1/training/runs", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def ask_unit_trial(self, body: models.NewUnitTrial) -> models.UnitTrialSummary:
        """Try a release in some units."""
        answer: models.UnitTrialSummary = await self._request("POST", "/api/v1/unit-trials", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def cancel_task(self, task_id: str) -> models.TaskOut:
        """End a task."""
        answer: models.TaskOut = await self._request("DELETE", f"/api/v1/tasks/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def cancel_training_run(self, run_id: str) -> models.TrainingRunDetail:
        """Cancel a training run."""
        answer: models.TrainingRunDetail = await self._request("POST", f"/api/v1/training/runs/{_part(run_id)}/cancel", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def change_contact(self, contact_id: int, body: models.NewContact) -> models.AddedContact:
        """Change a contact."""
        answer: models.AddedContact = await self._request("PUT", f"/api/v1/contacts/{_part(contact_id)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def change_password(self, body: models.NewPassword) -> None:
        """Change my password."""
        await self._request("POST", "/api/v1/auth/password", query={}, headers={}, body=body, form=False, as_json=False)

    async def change_user(self, user_id: int, body: models.PersonChange) -> models.Person:
        """Change a user."""
        answer: models.Person = await self._request("PATCH", f"/api/v1/users/{_part(user_id)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def check_audit_log(self) -> models.AuditCheck:
        """Check the audit log."""
        answer: models.AuditCheck = await self._request("GET", "/api/v1/audit/check", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def classify_image(self, body: Mapping[str, Any]) -> models.Prediction:
        """Name the species in a picture."""
        answer: models.Prediction = await self._request("POST", "/api/v1/predictions/classify", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    async def compare_by_picture(self, *, model: str, active: str, candidate: str, start: str | None = None, end: str | None = None, to_see: float | None = None) -> models.TrialByPicture:
        """Two versions on the same pictures."""
        answer: models.TrialByPicture = await self._request("GET", "/api/v1/experiments/pictures", query={"model": model, "active": active, "candidate": candidate, "start": start, "end": end, "to_see": to_see}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def compare_by_unit(self, *, model: str, start: str | None = None, end: str | None = None, to_see: float | None = None) -> models.TrialByUnit:
        """A trial by unit."""
        answer: models.TrialByUnit = await self._request("GET", "/api/v1/experiments/units", query={"model": model, "start": start, "end": end, "to_see": to_see}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def compare_unit_trial(self, trial_id: str) -> models.TrialComparison:
        """What a trial shows."""
        answer: models.TrialComparison = await self._request("GET", f"/api/v1/unit-trials/{_part(trial_id)}/comparison", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def count_species(self, *, start: str | None = None, end: str | None = None, unit_id: int | None = None) -> models.SpeciesOut:
        """What was recognized."""
        answer: models.SpeciesOut = await self._request("GET", "/api/v1/predictions/species", query={"start": start, "end": end, "unit_id": unit_id}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def create_upload(self, *, tus_resumable: str | None = None, upload_length: int | None = None, upload_metadata: str | None = None) -> None:
        """Begin to upload a frame."""
        await self._request("POST", "/api/v1/samples", query={}, headers={"Tus-Resumable": tus_resumable, "Upload-Length": upload_length, "Upload-Metadata": upload_metadata}, body=None, form=False, as_json=False)

    async def delete_device_group(self, group: str) -> None:
        """Delete a group."""
        await self._request("DELETE", f"/api/v1/device-groups/{_part(group)}", query={}, headers={}, body=None, form=False, as_json=False)

    async def end_unit_trial(self, trial_id: str, body: models.TrialEnd) -> models.UnitTrialSummary:
        """End a trial."""
        answer: models.UnitTrialSummary = await self._request("POST", f"/api/v1/unit-trials/{_part(trial_id)}/end", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def enrol_device(self, body: models.Enrolment) -> models.IssuedCertificate:
        """Enrol."""
        answer: models.IssuedCertificate = await self._request("POST", "/api/v1/enrolment/certificate", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def explain_prediction(self, body: Mapping[str, Any]) -> models.Explanation:
        """What a classifier looked at."""
        answer: models.Explanation = await self._request("POST", "/api/v1/ml/explain", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    async def export_audit_log(self, kind: models.Export) -> bytes:
        """Export the audit log."""
        answer: bytes = await self._request("GET", f"/api/v1/audit/export.{_part(kind)}", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def export_labels(self, *, format: models.ExportFormat | None = None, status: models.TaskStatus | None = None, site: str | None = None, after: str | None = None) -> Any:
        """Labels as a file."""
        answer: Any = await self._request("GET", "/api/v1/labels/export", query={"format": format, "status": status, "site": site, "after": after}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def export_site_csv(self, site: str, *, start: str, end: str, quantities: list[str] | None = None, resolution: models.Resolution | None = None) -> bytes:
        """All channels of a site as a CSV file."""
        answer: bytes = await self._request("GET", f"/api/v1/sites/{_part(site)}/export.csv", query={"start": start, "end": end, "quantities": quantities, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def export_site_parquet(self, site: str, *, start: str, end: str, quantities: list[str] | None = None, resolution: models.Resolution | None = None) -> bytes:
        """All channels of a site as a Parquet file."""
        answer: bytes = await self._request("GET", f"/api/v1/sites/{_part(site)}/export.parquet", query={"start": start, "end": end, "quantities": quantities, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def freeze_dataset(self, body: models.NewDataset) -> models.DatasetVersion:
        """Freeze a data set."""
        answer: models.DatasetVersion = await self._request("POST", "/api/v1/datasets", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def get_advice_settings(self, site: str) -> models.AdviceSettings:
        """What advice may do."""
        answer: models.AdviceSettings = await self._request("GET", f"/api/v1/sites/{_part(site)}/advice-settings", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_alarm_history(self, alarm_id: str) -> list[models.AlarmStep]:
        """What happened to an alarm."""
        answer: list[models.AlarmStep] = await self._request("GET", f"/api/v1/alarms/{_part(alarm_id)}/history", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_alarm_performance(self, site: str, *, start: str, end: str) -> models.AlarmPerformance:
        """Do the alarms serve?."""
        answer: models.AlarmPerformance = await self._request("GET", f"/api/v1/sites/{_part(site)}/alarm-performance", query={"start": start, "end": end}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_async_prediction(self, task_id: str) -> models.PredictionTaskOut:
        """A prediction asked for later."""
        answer: models.PredictionTaskOut = await self._request("GET", f"/api/v1/ml/predict/async/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_batch(self, code: str) -> models.Batch:
        """One batch."""
        answer: models.Batch = await self._request("GET", f"/api/v1/batches/{_part(code)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_before(self, unit_id: int, *, at: str, hours: int | None = None) -> models.Before:
        """What changed before it happened."""
        answer: models.Before = await self._request("GET", f"/api/v1/units/{_part(unit_id)}/before", query={"at": at, "hours": hours}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_channel_csv(self, channel_id: int, *, start: str, end: str, resolution: models.Resolution | None = None) -> bytes:
        """A channel as a CSV file."""
        answer: bytes = await self._request("GET", f"/api/v1/channels/{_part(channel_id)}/series.csv", query={"start": start, "end": end, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_channel_parquet(self, channel_id: int, *, start: str, end: str, resolution: models.Resolution | None = None) -> bytes:
        """A channel as a Parquet file."""
        answer: bytes = await self._request("GET", f"/api/v1/channels/{_part(channel_id)}/series.parquet", query={"start": start, "end": end, "resolution": resolution}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_channel_series(self, channel_id: int, *, start: str, end: str, max_points: int | None = None) -> models.Series:
        """A channel over time."""
        answer: models.Series = await self._request("GET", f"/api/v1/channels/{_part(channel_id)}/series", query={"start": start, "end": end, "max_points": max_points}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_command(self, site: str, device: str, command_id: str) -> models.CommandOut:
        """One command to a device."""
        answer: models.CommandOut = await self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands/{_part(command_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_command_archive(self, site: str, device: str, command_id: str) -> bytes:
        """The archive that a device sent."""
        answer: bytes = await self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands/{_part(command_id)}/archive", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_counts(self, unit_id: int, *, start: str, end: str, resolution: models.CountResolution | None = None, cast_back: bool | None = None) -> models.CountSeries:
        """Counts over time."""
        answer: models.CountSeries = await self._request("GET", f"/api/v1/units/{_part(unit_id)}/counts", query={"start": start, "end": end, "resolution": resolution, "cast_back": cast_back}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_dataset(self, dataset_id: str) -> models.DatasetVersion:
        """A version of a data set."""
        answer: models.DatasetVersion = await self._request("GET", f"/api/v1/datasets/{_part(dataset_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_dataset_annotations(self, dataset_id: str) -> Any:
        """The labels of a data set."""
        answer: Any = await self._request("GET", f"/api/v1/datasets/{_part(dataset_id)}/annotations.json", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_dataset_archive(self, dataset_id: str, *, after: str | None = None, images: int | None = None) -> bytes:
        """A data set with its images."""
        answer: bytes = await self._request("GET", f"/api/v1/datasets/{_part(dataset_id)}/archive.zip", query={"after": after, "images": images}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_dead_letter_order(self, order_id: str) -> models.DeadLetterOrder:
        """One order about failed messages."""
        answer: models.DeadLetterOrder = await self._request("GET", f"/api/v1/dead-letters/orders/{_part(order_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_detailed_health(self) -> models.DetailedHealth:
        """Everything this process depends on."""
        answer: models.DetailedHealth = await self._request("GET", "/health/detailed", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_device_diagnostics(self, site: str, device: str) -> models.DeviceDiagnostics:
        """Diagnostics of a device."""
        answer: models.DeviceDiagnostics = await self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/diagnostics", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_drift_alert(self, alert_id: str) -> models.DriftAlertOut:
        """One piece of advice."""
        answer: models.DriftAlertOut = await self._request("GET", f"/api/v1/drift/alerts/{_part(alert_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_drift_hours(self, unit_id: int, model_sha256: str, *, start: str | None = None, end: str | None = None) -> models.DriftHours:
        """Signals over time."""
        answer: models.DriftHours = await self._request("GET", f"/api/v1/drift/series/{_part(unit_id)}/{_part(model_sha256)}", query={"start": start, "end": end}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_health(self) -> models.Health:
        """Health summary."""
        answer: models.Health = await self._request("GET", "/health", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_image(self, sha256: str, *, expires: int | None = None, signature: str | None = None, if_none_match: str | None = None) -> bytes:
        """An evidence image."""
        answer: bytes = await self._request("GET", f"/api/v1/images/{_part(sha256)}", query={"expires": expires, "signature": signature}, headers={"if-none-match": if_none_match}, body=None, form=False, as_json=False)
        return answer

    async def get_kpis(self, site: str, *, start: str, end: str, unit: str | None = None, batch: str | None = None, cost: float | None = None) -> models.SiteKpis:
        """How the farm does."""
        answer: models.SiteKpis = await self._request("GET", f"/api/v1/sites/{_part(site)}/kpis", query={"start": start, "end": end, "unit": unit, "batch": batch, "cost": cost}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_label_progress(self) -> models.LabelProgress:
        """How the labelling stands."""
        answer: models.LabelProgress = await self._request("GET", "/api/v1/labels/progress", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_label_settings(self) -> models.LabelSettings:
        """What is labelled."""
        answer: models.LabelSettings = await self._request("GET", "/api/v1/labels/settings", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_label_task(self, task_id: str) -> models.LabelTaskDetail:
        """A frame and its labels."""
        answer: models.LabelTaskDetail = await self._request("GET", f"/api/v1/labels/tasks/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_ladders(self, site: str) -> models.ShownLadders:
        """Escalation ladders."""
        answer: models.ShownLadders = await self._request("GET", f"/api/v1/sites/{_part(site)}/ladders", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_live(self) -> models.Live:
        """Liveness."""
        answer: models.Live = await self._request("GET", "/live", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_me(self) -> models.User:
        """The signed-in user."""
        answer: models.User = await self._request("GET", "/api/v1/auth/me", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_ml_model(self, version: str) -> models.ModelDetail:
        """One installed model."""
        answer: models.ModelDetail = await self._request("GET", f"/api/v1/ml/models/{_part(version)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_model_health(self) -> models.ModelsHealth:
        """Health of models."""
        answer: models.ModelsHealth = await self._request("GET", "/api/v1/models/health", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_model_stats(self) -> models.ModelsStats:
        """Statistics of models."""
        answer: models.ModelsStats = await self._request("GET", "/api/v1/models/stats", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_performance(self, *, window_s: int | None = None) -> models.Performance:
        """How fast this process answers."""
        answer: models.Performance = await self._request("GET", "/api/v1/metrics/performance", query={"window_s": window_s}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_prediction_stats(self, *, start: str | None = None, end: str | None = None, unit_id: int | None = None) -> models.PredictionStats:
        """Predictions in numbers."""
        answer: models.PredictionStats = await self._request("GET", "/api/v1/predictions/stats", query={"start": start, "end": end, "unit_id": unit_id}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_proofs(self, site: str) -> models.Proofs:
        """Is the alarm path proven?."""
        answer: models.Proofs = await self._request("GET", f"/api/v1/sites/{_part(site)}/alarm-path", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_ready(self) -> models.Ready:
        """Readiness."""
        answer: models.Ready = await self._request("GET", "/ready", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_record(self, record_id: str) -> models.RecordHistory:
        """A record and its history."""
        answer: models.RecordHistory = await self._request("GET", f"/api/v1/records/{_part(record_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_release(self, model: str, version: str) -> models.ReleaseDetail:
        """One release."""
        answer: models.ReleaseDetail = await self._request("GET", f"/api/v1/releases/{_part(model)}/{_part(version)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_report_csv(self, site: str, name: models.Name, *, start: str, end: str, batch: str | None = None, region: str | None = None) -> bytes:
        """A report as CSV."""
        answer: bytes = await self._request("GET", f"/api/v1/sites/{_part(site)}/reports/{_part(name)}.csv", query={"start": start, "end": end, "batch": batch, "region": region}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_report_pdf(self, site: str, name: models.Name, *, start: str, end: str, batch: str | None = None, region: str | None = None) -> bytes:
        """A report as PDF."""
        answer: bytes = await self._request("GET", f"/api/v1/sites/{_part(site)}/reports/{_part(name)}.pdf", query={"start": start, "end": end, "batch": batch, "region": region}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_revocation_list(self) -> bytes:
        """Revoked certificates."""
        answer: bytes = await self._request("GET", "/api/v1/enrolment/revoked.pem", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_rollout(self, rollout_id: str) -> models.RolloutView:
        """A rollout."""
        answer: models.RolloutView = await self._request("GET", f"/api/v1/rollouts/{_part(rollout_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_roster(self, site: str) -> models.Roster:
        """Who is on call."""
        answer: models.Roster = await self._request("GET", f"/api/v1/sites/{_part(site)}/on-call", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_sample_image(self, sample_id: str, *, expires: int | None = None, signature: str | None = None, if_none_match: str | None = None) -> bytes:
        """The frame of a sample."""
        answer: bytes = await self._request("GET", f"/api/v1/samples/{_part(sample_id)}/image", query={"expires": expires, "signature": signature}, headers={"if-none-match": if_none_match}, body=None, form=False, as_json=False)
        return answer

    async def get_sample_size(self, *, accuracy: float, difference: float, disagreement: float | None = None, power: float | None = None, design_effect: float | None = None) -> models.SampleSize:
        """How many pictures show a difference."""
        answer: models.SampleSize = await self._request("GET", "/api/v1/experiments/sample-size", query={"accuracy": accuracy, "difference": difference, "disagreement": disagreement, "power": power, "design_effect": design_effect}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_site(self, site: str) -> models.Site:
        """One site."""
        answer: models.Site = await self._request("GET", f"/api/v1/sites/{_part(site)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_site_latest(self, site: str) -> models.SiteLatest:
        """The newest of everything at a site."""
        answer: models.SiteLatest = await self._request("GET", f"/api/v1/sites/{_part(site)}/latest", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_site_model_health(self, site: str) -> models.SiteModelHealth:
        """How the models of a site do."""
        answer: models.SiteModelHealth = await self._request("GET", f"/api/v1/sites/{_part(site)}/model-health", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_task(self, task_id: str) -> models.TaskOut:
        """One task."""
        answer: models.TaskOut = await self._request("GET", f"/api/v1/tasks/{_part(task_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_task_file(self, task_id: str) -> bytes:
        """The file that a task made."""
        answer: bytes = await self._request("GET", f"/api/v1/tasks/{_part(task_id)}/file", query={}, headers={}, body=None, form=False, as_json=False)
        return answer

    async def get_training_run(self, run_id: str) -> models.TrainingRunDetail:
        """One training run."""
        answer: models.TrainingRunDetail = await self._request("GET", f"/api/v1/training/runs/{_part(run_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_unit(self, unit_id: int) -> models.Unit:
        """One unit."""
        answer: models.Unit = await self._request("GET", f"/api/v1/units/{_part(unit_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_unit_trial(self, trial_id: str) -> models.UnitTrialView:
        """A trial in some units."""
        answer: models.UnitTrialView = await self._request("GET", f"/api/v1/unit-trials/{_part(trial_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def get_upload_offset(self, upload_id: str, *, tus_resumable: str | None = None) -> None:
        """How far an upload is."""
        await self._request("HEAD", f"/api/v1/samples/{_part(upload_id)}", query={}, headers={"Tus-Resumable": tus_resumable}, body=None, form=False, as_json=False)

    async def get_upload_options(self) -> None:
        """What the upload can do."""
        await self._request("OPTIONS", "/api/v1/samples", query={}, headers={}, body=None, form=False, as_json=False)

    async def get_user(self, user_id: int) -> models.Person:
        """One user."""
        answer: models.Person = await self._request("GET", f"/api/v1/users/{_part(user_id)}", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def give_next_label_task(self, body: models.NextFrame) -> models.NextTask:
        """The next frame to label."""
        answer: models.NextTask = await self._request("POST", "/api/v1/labels/next", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def hold_label_task(self, task_id: str) -> models.LabelTaskDetail:
        """Hold a frame."""
        answer: models.LabelTaskDetail = await self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/lease", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def import_labels(self, body: Any, *, format: models.ExportFormat | None = None, dry_run: bool | None = None) -> models.ImportedLabels:
        """Labels from a file."""
        answer: models.ImportedLabels = await self._request("POST", "/api/v1/labels/import", query={"format": format, "dry_run": dry_run}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def import_records(self, site: str, body: bytes, *, kind: Literal['stocking', 'transfer', 'harvest', 'cull', 'escape', 'mortality', 'adjustment', 'feeding', 'weight_sample', 'treatment', 'lice_count', 'welfare_sample', 'calibration', 'note'], dry_run: bool | None = None) -> models.Imported:
        """Import a CSV file."""
        answer: models.Imported = await self._request("POST", f"/api/v1/sites/{_part(site)}/records/import", query={"kind": kind, "dry_run": dry_run}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def invite(self, body: models.NewInvitation) -> models.OneTimeToken:
        """Invite somebody."""
        answer: models.OneTimeToken = await self._request("POST", "/api/v1/invitations", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def list_active_models(self) -> models.ActiveModels:
        """Active models."""
        answer: models.ActiveModels = await self._request("GET", "/api/v1/models/active", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_advice(self, site: str, *, open: bool | None = None, limit: int | None = None, cursor: str | None = None) -> models.AdvicePage:
        """Advice on abnormal series."""
        answer: models.AdvicePage = await self._request("GET", f"/api/v1/sites/{_part(site)}/advice", query={"open": open, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_alarm_assignees(self, alarm_id: str) -> list[models.Assignee]:
        """Who could do it."""
        answer: list[models.Assignee] = await self._request("GET", f"/api/v1/alarms/{_part(alarm_id)}/assignees", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_alarms(self, *, site: str | None = None, open: bool | None = None, assignee: int | None = None, limit: int | None = None, cursor: str | None = None) -> models.AlarmPage:
        """Alarms."""
        answer: models.AlarmPage = await self._request("GET", "/api/v1/alarms", query={"site": site, "open": open, "assignee": assignee, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_all_models(self) -> models.ModelsOut:
        """All models."""
        answer: models.ModelsOut = await self._request("GET", "/api/v1/models/all", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_api_keys(self, *, limit: int | None = None, cursor: str | None = None) -> models.ApiKeyPage:
        """Keys."""
        answer: models.ApiKeyPage = await self._request("GET", "/api/v1/api-keys", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_audit_entries(self, *, actor: str | None = None, action: str | None = None, subject: str | None = None, start: str | None = None, end: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.AuditPage:
        """The audit log."""
        answer: models.AuditPage = await self._request("GET", "/api/v1/audit", query={"actor": actor, "action": action, "subject": subject, "start": start, "end": end, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_batches(self, *, limit: int | None = None, cursor: str | None = None) -> models.BatchPage:
        """Batches."""
        answer: models.BatchPage = await self._request("GET", "/api/v1/batches", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_certificates(self, *, site: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.CertificatePage:
        """Certificates of devices."""
        answer: models.CertificatePage = await self._request("GET", "/api/v1/enrolment/certificates", query={"site": site, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_channel_calibrations(self, channel_id: int) -> list[models.CalibrationChange]:
        """What a channel's values rest on."""
        answer: list[models.CalibrationChange] = await self._request("GET", f"/api/v1/channels/{_part(channel_id)}/calibrations", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_commands(self, site: str, device: str) -> models.CommandList:
        """Commands to a device."""
        answer: models.CommandList = await self._request("GET", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_contacts(self) -> list[models.Contact]:
        """Contacts."""
        answer: list[models.Contact] = await self._request("GET", "/api/v1/contacts", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_datasets(self, *, name: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DatasetPage:
        """Data sets."""
        answer: models.DatasetPage = await self._request("GET", "/api/v1/datasets", query={"name": name, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_dead_letter_orders(self) -> models.DeadLetterOrders:
        """Orders about failed messages."""
        answer: models.DeadLetterOrders = await self._request("GET", "/api/v1/dead-letters/orders", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_dead_letter_reasons(self) -> models.DeadLetterReasons:
        """Why messages failed."""
        answer: models.DeadLetterReasons = await self._request("GET", "/api/v1/dead-letters/reasons", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_dead_letters(self, *, state: models.LetterState | None = None, reason: str | None = None, site: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DeadLetterPage:
        """Messages that failed."""
        answer: models.DeadLetterPage = await self._request("GET", "/api/v1/dead-letters", query={"state": state, "reason": reason, "site": site, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_device_deployments(self, *, site: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DeviceStandingPage:
        """Deployments of devices."""
        answer: models.DeviceStandingPage = await self._request("GET", "/api/v1/device-deployments", query={"site": site, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_device_groups(self, *, limit: int | None = None, cursor: str | None = None) -> models.DeviceGroupPage:
        """Groups of devices."""
        answer: models.DeviceGroupPage = await self._request("GET", "/api/v1/device-groups", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_device_health(self, *, site: str | None = None, wrong: bool | None = None, limit: int | None = None, cursor: str | None = None) -> models.DeviceHealthPage:
        """Health of devices."""
        answer: models.DeviceHealthPage = await self._request("GET", "/api/v1/device-health", query={"site": site, "wrong": wrong, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_devices(self, *, site: str | None = None, tag: str | None = None, group: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DevicePage:
        """Devices."""
        answer: models.DevicePage = await self._request("GET", "/api/v1/devices", query={"site": site, "tag": tag, "group": group, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_drift_alerts(self, *, site: str | None = None, unit_id: int | None = None, open: bool | None = None, limit: int | None = None, cursor: str | None = None) -> models.DriftAlertPage:
        """Advice on drift."""
        answer: models.DriftAlertPage = await self._request("GET", "/api/v1/drift/alerts", query={"site": site, "unit_id": unit_id, "open": open, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_drift_series(self, *, site: str | None = None, model: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.DriftSeriesPage:
        """Versions at units, with their signals."""
        answer: models.DriftSeriesPage = await self._request("GET", "/api/v1/drift/series", query={"site": site, "model": model, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_holdings(self, site: str) -> list[models.Holding]:
        """What the units hold."""
        answer: list[models.Holding] = await self._request("GET", f"/api/v1/sites/{_part(site)}/holdings", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_invitations(self, *, limit: int | None = None, cursor: str | None = None) -> models.InvitationPage:
        """Invitations."""
        answer: models.InvitationPage = await self._request("GET", "/api/v1/invitations", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_label_marks(self, *, model: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.LabelMarkPage:
        """What models had wrong."""
        answer: models.LabelMarkPage = await self._request("GET", "/api/v1/labels/marks", query={"model": model, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_label_tasks(self, *, site: str | None = None, status: models.TaskStatus | None = None, camera: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.LabelTaskPage:
        """The label queue."""
        answer: models.LabelTaskPage = await self._request("GET", "/api/v1/labels/tasks", query={"site": site, "status": status, "camera": camera, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_lice(self, site: str, *, region: str | None = None) -> list[models.LiceStatus]:
        """Lice by pen."""
        answer: list[models.LiceStatus] = await self._request("GET", f"/api/v1/sites/{_part(site)}/lice", query={"region": region}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_ml_models(self) -> models.ModelsOut:
        """Installed models."""
        answer: models.ModelsOut = await self._request("GET", "/api/v1/ml/models", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_model_changes(self, unit_id: int, *, start: str, end: str) -> models.ModelChanges:
        """Changes of models."""
        answer: models.ModelChanges = await self._request("GET", f"/api/v1/units/{_part(unit_id)}/model-changes", query={"start": start, "end": end}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_notifications(self, site: str, *, alarm: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.NotificationPage:
        """Messages."""
        answer: models.NotificationPage = await self._request("GET", f"/api/v1/sites/{_part(site)}/notifications", query={"alarm": alarm, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_organizations(self, *, limit: int | None = None, cursor: str | None = None) -> models.OrganizationPage:
        """Organizations."""
        answer: models.OrganizationPage = await self._request("GET", "/api/v1/organizations", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_predictions(self, *, start: str | None = None, end: str | None = None, unit_id: int | None = None, label: str | None = None, model: str | None = None, level: models.Level | None = None, limit: int | None = None, cursor: str | None = None) -> models.PredictionPage:
        """Past predictions."""
        answer: models.PredictionPage = await self._request("GET", "/api/v1/predictions/history", query={"start": start, "end": end, "unit_id": unit_id, "label": label, "model": model, "level": level, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_rationales(self) -> list[models.Rationale]:
        """Why each alarm exists."""
        answer: list[models.Rationale] = await self._request("GET", "/api/v1/alarm-rationales", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_records(self, site: str, *, kind: Literal['stocking', 'transfer', 'harvest', 'cull', 'escape', 'mortality', 'adjustment', 'feeding', 'weight_sample', 'treatment', 'lice_count', 'welfare_sample', 'calibration', 'note'] | None = None, unit: str | None = None, batch: str | None = None, start: str | None = None, end: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.RecordPage:
        """The diary."""
        answer: models.RecordPage = await self._request("GET", f"/api/v1/sites/{_part(site)}/records", query={"kind": kind, "unit": unit, "batch": batch, "start": start, "end": end, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_releases(self) -> models.ReleaseRegistry:
        """Releases and their signatures."""
        answer: models.ReleaseRegistry = await self._request("GET", "/api/v1/releases", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_retrain_rules(self) -> models.RetrainRules:
        """When models are trained again."""
        answer: models.RetrainRules = await self._request("GET", "/api/v1/training/rules", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_rollout_decisions(self, rollout_id: str, *, limit: int | None = None, cursor: str | None = None) -> models.DecisionPage:
        """Decision log."""
        answer: models.DecisionPage = await self._request("GET", f"/api/v1/rollouts/{_part(rollout_id)}/decisions", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_rollout_devices(self, rollout_id: str, *, limit: int | None = None, cursor: str | None = None) -> models.RolloutDevicePage:
        """Devices of a rollout."""
        answer: models.RolloutDevicePage = await self._request("GET", f"/api/v1/rollouts/{_part(rollout_id)}/devices", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_rollouts(self, *, limit: int | None = None, cursor: str | None = None) -> models.RolloutPage:
        """Rollouts."""
        answer: models.RolloutPage = await self._request("GET", "/api/v1/rollouts", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_sample_pairs(self, *, model: str, version: str, limit: int | None = None) -> models.SamplePairs:
        """Frames that two models saw differently."""
        answer: models.SamplePairs = await self._request("GET", "/api/v1/samples/pairs", query={"model": model, "version": version, "limit": limit}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_sign_in_ways(self) -> models.SignInWays:
        """Ways to sign in."""
        answer: models.SignInWays = await self._request("GET", "/api/v1/auth/ways", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_sites(self, *, limit: int | None = None, cursor: str | None = None) -> models.SitePage:
        """Sites."""
        answer: models.SitePage = await self._request("GET", "/api/v1/sites", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_tasks(self, *, state: Literal['queued', 'running', 'succeeded', 'failed', 'cancelled'] | None = None, kind: str | None = None, limit: int | None = None, cursor: str | None = None) -> models.TaskPage:
        """Tasks."""
        answer: models.TaskPage = await self._request("GET", "/api/v1/tasks", query={"state": state, "kind": kind, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_training_runs(self, *, model: str | None = None, state: list[models.Outcome] | None = None, limit: int | None = None, cursor: str | None = None) -> models.TrainingRunPage:
        """Training runs."""
        answer: models.TrainingRunPage = await self._request("GET", "/api/v1/training/runs", query={"model": model, "state": state, "limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_unit_observations(self, unit_id: int, *, limit: int | None = None, before: str | None = None) -> models.ObservationPage:
        """Observations of a unit."""
        answer: models.ObservationPage = await self._request("GET", f"/api/v1/units/{_part(unit_id)}/observations", query={"limit": limit, "before": before}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_unit_trial_boxes(self, trial_id: str, *, limit: int | None = None, cursor: str | None = None) -> models.TrialBoxPage:
        """Boxes of a trial."""
        answer: models.TrialBoxPage = await self._request("GET", f"/api/v1/unit-trials/{_part(trial_id)}/boxes", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_unit_trials(self, *, limit: int | None = None, cursor: str | None = None) -> models.UnitTrialPage:
        """Trials in some units."""
        answer: models.UnitTrialPage = await self._request("GET", "/api/v1/unit-trials", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_units(self, site: str, *, limit: int | None = None, cursor: str | None = None) -> models.UnitPage:
        """Units of a site."""
        answer: models.UnitPage = await self._request("GET", f"/api/v1/sites/{_part(site)}/units", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_users(self, *, limit: int | None = None, cursor: str | None = None) -> models.PersonPage:
        """Users."""
        answer: models.PersonPage = await self._request("GET", "/api/v1/users", query={"limit": limit, "cursor": cursor}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def list_withdrawals(self, site: str) -> list[models.Withdrawal]:
        """Running withdrawals."""
        answer: list[models.Withdrawal] = await self._request("GET", f"/api/v1/sites/{_part(site)}/withdrawals", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def login(self, body: models.Body_login) -> models.LoginAnswer:
        """Sign in."""
        answer: models.LoginAnswer = await self._request("POST", "/api/v1/auth/login", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    async def logout(self) -> None:
        """Sign out."""
        await self._request("POST", "/api/v1/auth/logout", query={}, headers={}, body=None, form=False, as_json=False)

    async def make_api_key(self, body: models.NewApiKey) -> models.MadeApiKey:
        """Make a key."""
        answer: models.MadeApiKey = await self._request("POST", "/api/v1/api-keys", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def make_enrolment_token(self, body: models.NewEnrolment) -> models.EnrolmentToken:
        """Let a device enrol."""
        answer: models.EnrolmentToken = await self._request("POST", "/api/v1/enrolment/tokens", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def order_command(self, site: str, device: str, body: models.NewCommand) -> models.CommandOut:
        """Order a command to a device."""
        answer: models.CommandOut = await self._request("POST", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/commands", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def order_dead_letters(self, body: models.NewDeadLetterOrder) -> models.DeadLetterOrder:
        """Put messages back, or discard them."""
        answer: models.DeadLetterOrder = await self._request("POST", "/api/v1/dead-letters/orders", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def order_rollout(self, rollout_id: str, body: models.Order) -> models.RolloutView:
        """Order a rollout."""
        answer: models.RolloutView = await self._request("POST", f"/api/v1/rollouts/{_part(rollout_id)}/orders", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def predict(self, body: Mapping[str, Any]) -> models.Prediction:
        """Run a model on a picture."""
        answer: models.Prediction = await self._request("POST", "/api/v1/ml/predict", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    async def predict_async(self, body: Mapping[str, Any]) -> models.PredictionTaskAccepted:
        """Run a model on pictures later."""
        answer: models.PredictionTaskAccepted = await self._request("POST", "/api/v1/ml/predict/async", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    async def predict_batch(self, body: Mapping[str, Any]) -> models.BatchPrediction:
        """Run a model on many pictures."""
        answer: models.BatchPrediction = await self._request("POST", "/api/v1/ml/predict/batch", query={}, headers={}, body=body, form=True, as_json=True)
        return answer

    async def put_device_archive(self, body: bytes, *, site: str, device: str, command: str, file: str, sha256: str) -> models.ArchiveOut:
        """Send an archive that was ordered."""
        answer: models.ArchiveOut = await self._request("PUT", "/api/v1/device-archives", query={"site": site, "device": device, "command": command, "file": file, "sha256": sha256}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def refresh(self, body: models.RefreshToken) -> models.LoginAnswer:
        """Stay signed in."""
        answer: models.LoginAnswer = await self._request("POST", "/api/v1/auth/refresh", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def register(self, body: models.Registration) -> models.LoginAnswer:
        """Register."""
        answer: models.LoginAnswer = await self._request("POST", "/api/v1/auth/register", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def release_label_task(self, task_id: str) -> None:
        """Let a frame go."""
        await self._request("DELETE", f"/api/v1/labels/tasks/{_part(task_id)}/lease", query={}, headers={}, body=None, form=False, as_json=False)

    async def remove_contact(self, contact_id: int) -> None:
        """Remove a contact."""
        await self._request("DELETE", f"/api/v1/contacts/{_part(contact_id)}", query={}, headers={}, body=None, form=False, as_json=False)

    async def renew_certificate(self, body: models.Renewal) -> models.IssuedCertificate:
        """Renew a certificate."""
        answer: models.IssuedCertificate = await self._request("POST", "/api/v1/enrolment/renewal", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def repository_file(self, path: str) -> None:
        """Repository File."""
        await self._request("GET", f"/api/v1/repository/{_part(path)}", query={}, headers={}, body=None, form=False, as_json=False)

    async def reset_password(self, body: models.PasswordReset) -> None:
        """Set a forgotten password."""
        await self._request("POST", "/api/v1/auth/password/reset", query={}, headers={}, body=body, form=False, as_json=False)

    async def reset_performance(self) -> None:
        """Begin the window anew."""
        await self._request("POST", "/api/v1/metrics/performance/reset", query={}, headers={}, body=None, form=False, as_json=False)

    async def reset_user(self, user_id: int) -> models.OneTimeToken:
        """Reset a password."""
        answer: models.OneTimeToken = await self._request("POST", f"/api/v1/users/{_part(user_id)}/reset", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def review_label_task(self, task_id: str, body: models.Review) -> models.LabelTaskDetail:
        """Decide on a frame."""
        answer: models.LabelTaskDetail = await self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/review", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def revoke_api_key(self, key_id: int) -> None:
        """Revoke a key."""
        await self._request("DELETE", f"/api/v1/api-keys/{_part(key_id)}", query={}, headers={}, body=None, form=False, as_json=False)

    async def revoke_certificate(self, serial: str, body: models.Revocation) -> None:
        """Revoke a certificate."""
        await self._request("POST", f"/api/v1/enrolment/certificates/{_part(serial)}/revoke", query={}, headers={}, body=body, form=False, as_json=False)

    async def set_advice_settings(self, site: str, body: models.NewAdviceSettings) -> models.AdviceSettings:
        """Set what advice may do."""
        answer: models.AdviceSettings = await self._request("PUT", f"/api/v1/sites/{_part(site)}/advice-settings", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_alarm_assignee(self, alarm_id: str, body: models.NewAssignee) -> models.Alarm:
        """Assign an alarm."""
        answer: models.Alarm = await self._request("PUT", f"/api/v1/alarms/{_part(alarm_id)}/assignee", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_device_group(self, group: str, body: models.GroupMembers) -> models.DeviceGroup:
        """Make or change a group."""
        answer: models.DeviceGroup = await self._request("PUT", f"/api/v1/device-groups/{_part(group)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_device_tags(self, site: str, device: str, body: models.DeviceTags) -> models.Device:
        """Tags of a device."""
        answer: models.Device = await self._request("PUT", f"/api/v1/sites/{_part(site)}/devices/{_part(device)}/tags", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_label_settings(self, body: models.LabelSettings) -> models.LabelSettings:
        """Change what is labelled."""
        answer: models.LabelSettings = await self._request("PUT", "/api/v1/labels/settings", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_ladders(self, site: str, body: models.SiteLadders) -> models.ShownLadders:
        """Set escalation ladders."""
        answer: models.ShownLadders = await self._request("PUT", f"/api/v1/sites/{_part(site)}/ladders", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_rationale(self, definition: str, body: models.NewRationale) -> models.Rationale:
        """Review why an alarm exists."""
        answer: models.Rationale = await self._request("PUT", f"/api/v1/alarm-rationales/{_part(definition)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_retrain_rule(self, model: str, body: models.RetrainRuleBody) -> models.RetrainRuleOut:
        """Set when a model is trained again."""
        answer: models.RetrainRuleOut = await self._request("PUT", f"/api/v1/training/rules/{_part(model)}", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def set_roster(self, site: str, body: models.Roster) -> models.Roster:
        """Set who is on call."""
        answer: models.Roster = await self._request("PUT", f"/api/v1/sites/{_part(site)}/on-call", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def shelve_alarm(self, alarm_id: str, body: models.Shelf) -> models.Alarm:
        """Shelve an alarm."""
        answer: models.Alarm = await self._request("POST", f"/api/v1/alarms/{_part(alarm_id)}/shelve", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def sign_user_out(self, user_id: int) -> None:
        """Sign a user out."""
        await self._request("POST", f"/api/v1/users/{_part(user_id)}/sign-out", query={}, headers={}, body=None, form=False, as_json=False)

    async def strike_record(self, record_id: str, body: models.Strike) -> models.Recorded:
        """Strike a record out."""
        answer: models.Recorded = await self._request("POST", f"/api/v1/records/{_part(record_id)}/strike", query={}, headers={}, body=body, form=False, as_json=True)
        return answer

    async def test_alarm_path(self, site: str) -> models.Proofs:
        """Test the alarm path."""
        answer: models.Proofs = await self._request("POST", f"/api/v1/sites/{_part(site)}/alarm-path/test", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def undo_label(self, task_id: str) -> models.LabelTaskDetail:
        """Take one's label back."""
        answer: models.LabelTaskDetail = await self._request("POST", f"/api/v1/labels/tasks/{_part(task_id)}/undo", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def unshelve_alarm(self, alarm_id: str) -> models.Alarm:
        """Take an alarm off the shelf."""
        answer: models.Alarm = await self._request("POST", f"/api/v1/alarms/{_part(alarm_id)}/unshelve", query={}, headers={}, body=None, form=False, as_json=True)
        return answer

    async def withdraw_invitation(self, invitation_id: int) -> None:
        """Withdraw an invitation."""
        await self._request("DELETE", f"/api/v1/invitations/{_part(invitation_id)}", query={}, headers={}, body=None, form=False, as_json=False)
