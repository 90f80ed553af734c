"""The audit log's machinery in the database: functions that the migrations make, and what a transaction declares.

A transaction of a person or a machine declares who it is (``cloud.kit.origin``); from then on every row that it changes in an
audited table is written to ``audit_entry`` at its commit, in the same transaction, by a trigger. Transactions that
declare nothing, such as the ingest's, pay one look at a setting per row. The entries of an organization are a chain:
each carries the hash of the one before.
"""

from __future__ import annotations

from sqlalchemy import text

from cloud.kit.origin import SETTING

LOCK_CLASS = 5408
"""First half of the advisory lock that orders the entries of a chain; the second is the chain."""
MAX_ROW_BYTES = 32_768
"""A larger row is entered by its size and hash alone, so that no change can fill the log."""

AUDITED: dict[str, str] = {
    "organization": "",
    "site": "",
    "unit": "",
    "app_user": "password_hash",
    "invitation": "token_hash",
    "auth_session": "",
    "api_key": "secret_hash",
    "alarm": "",
    "alarm_rationale": "",
    "batch": "",
    "diary_record": "",
    "contact": "webhook_nonce",
    "on_call": "",
    "site_ladder": "",
    "notification": "",
    "advice_setting": "",
    "enrolment_token": "token_hash",
    "device_certificate": "",
    "rollout_order": "",
    "drift_alert": "",
    "device_group": "",
    "device_group_member": "",
    "device_tag": "",
    "label_setting": "",
    "label": "",
    "label_review": "",
    "label_mark": "",
    "dataset": "",
    "training_run": "",
    "retrain_rule": "",
    "dead_letter_order": "",
    "device_command": "",
}
"""Tables that people change, with the columns whose values are not shown (separated by commas). A later migration adds
its own table by ``audit_table``; a test compares this with the triggers of the database."""

NOT_AUDITED: dict[str, str] = {
    "abnormal_baseline": "learned",
    "advice": "computed",
    "alarm_alias": "written by the ingest",
    "alarm_change": "is itself a history that is only added to",
    "audit_entry": "is the log",
    "camera": "told by devices",
    "channel": "told by devices",
    "channel_calibration": "told by devices",
    "dead_letter": "written by the ingest; what people make of it is an entry of dead_letter_order",
    "dead_letter_order_item": "the letters of an order, which is audited, and what the ingest made of each",
    "device": "told by devices",
    "device_archive": "told by devices; a download is an event",
    "device_event": "told by devices",
    "device_health": "told by devices",
    "task": "tells who asked for what; its progress is no change of the farm",
    "device_shadow": "written by the controller of rollouts",
    "device_timeline": "told by devices",
    "dataset_image": "written once with its dataset, which is audited",
    "diary_change": "is itself a history that is only added to",
    "idempotency_key": "answers that are kept for a day",
    "image": "told by devices",
    "drift_hour": "computed from observations",
    "drift_series": "kept by the judging of drift; taking a change for normal is an entry of drift_alert",
    "drift_signal": "computed",
    "model_health": "computed from observations",
    "ingest_stream": "written by the ingest",
    "label_lease": "who looks at which frame for some minutes",
    "login_counter": "failed logins of some minutes",
    "message_free": "written by the ingest",
    "observation": "told by devices",
    "prediction_task": "a record of itself, forgotten after some days",
    "prediction": "said by models, and only added to",
    "reading": "told by devices",
    "reading_free": "told by devices",
    "reading_latest": "told by devices",
    "sample": "told by devices; labels and reviews of it have tables of their own",
    "sample_upload": "told by devices",
    "rollout": "asked for by an event of its own, and then kept by the controller",
    "unit_trial": "asked for, approved and ended by events of its own, and else kept by the conductor",
    "unit_trial_box": "kept by the conductor",
    "rollout_cursor": "kept by the controller",
    "rollout_device": "kept by the controller",
    "rollout_entry": "is itself a history that is only added to",
}
"""Tables that no person changes, and why."""


def functions() -> tuple[str, ...]:
    """Statements that make the functions and lock the log against change."""
    return (_APPEND, _EVENT, _ROW, _FORBID, _APPEND_ONLY, _NO_TRUNCATE)


def drop_functions() -> tuple[str, ...]:
    """Statements that undo ``functions``, for after the triggers and the table are gone."""
    return (
        "DROP FUNCTION shoal_audit_row()",
        "DROP FUNCTION shoal_audit_event(text, jsonb, jsonb)",
        "DROP FUNCTION shoal_audit_append(integer, jsonb, text, text, jsonb, jsonb, jsonb)",
        "DROP FUNCTION shoal_audit_forbid()",
    )


def audit_table(table: str, hidden: str = "") -> str:
    """Statement that puts a table under the audit log; columns in ``hidden`` (separated by commas) show no values."""
    # At commit, so that the lock of the chain is the last that a transaction takes: no deadlock can come of it.
    return f"""
        CREATE CONSTRAINT TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {table}
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (coalesce(current_setting('{SETTING}', true), '') <> '')
        EXECUTE FUNCTION shoal_audit_row('{hidden}')
    """


def leave_table(table: str) -> str:
    """Statement that takes a table out of the audit log."""
    return f"DROP TRIGGER audit ON {table}"


EVENT = text("SELECT shoal_audit_event(:subject, CAST(:key AS jsonb), CAST(:detail AS jsonb))")
"""Enters something that changes no row, such as an export, in the declared name."""

# The text of ``record`` is what is hashed; the other columns repeat parts of it for queries.
_APPEND = f"""
    CREATE FUNCTION shoal_audit_append(
        entry_chain integer, context jsonb, entry_change text, entry_subject text, entry_key jsonb,
        entry_before jsonb, entry_after jsonb
    ) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        last record;
        moment timestamptz;
        entry jsonb;
        entry_number bigint;
        entry_text text;
    BEGIN
        PERFORM pg_advisory_xact_lock({LOCK_CLASS}, entry_chain);
        SELECT number, hash INTO last FROM audit_entry WHERE chain = entry_chain ORDER BY number DESC LIMIT 1;
        moment := clock_timestamp();
        entry_number := coalesce(last.number, 0) + 1;
        entry := jsonb_build_object(
            'chain', entry_chain, 'number', entry_number,
            'recorded_at', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', context ->> 'actor', 'actor_kind', context ->> 'actor_kind', 'action', context ->> 'action',
            'change', entry_change, 'subject', entry_subject, 'key', entry_key,
            'before', entry_before, 'after', entry_after,
            'address', context ->> 'address', 'request_id', context ->> 'request_id'
        );
        entry_text := entry::text;
        INSERT INTO audit_entry (chain, number, recorded_at, actor, action, subject, record, hash)
        VALUES (
            entry_chain, entry_number, moment, coalesce(context ->> 'actor', 'unknown'),
            coalesce(context ->> 'action', 'unknown'), entry_subject, entry_text,
            encode(sha256(convert_to(coalesce(last.hash, repeat('0', 64)) || E'\\n' || entry_text, 'UTF8')), 'hex')
        );
    END $$
"""  # noqa: S608  (made of constants)
_EVENT = f"""
    CREATE FUNCTION shoal_audit_event(entry_subject text, entry_key jsonb, detail jsonb)
    RETURNS void LANGUAGE plpgsql AS $$
    DECLARE context jsonb := coalesce(nullif(current_setting('{SETTING}', true), ''), '{{}}')::jsonb;
    BEGIN
        PERFORM shoal_audit_append(
            coalesce((context ->> 'organization_id')::integer, 0), context, 'event', entry_subject, entry_key, NULL, detail
        );
    END $$
"""
_ROW = f"""
    CREATE FUNCTION shoal_audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        context jsonb := current_setting('{SETTING}', true)::jsonb;
        hidden text[] := string_to_array(TG_ARGV[0], ',');
        was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
        becomes jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
        whole jsonb := coalesce(becomes, was);
        row_key jsonb;
        shown text;
    BEGIN
        SELECT jsonb_object_agg(attname, whole -> attname::text) INTO row_key
        FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
        WHERE indrelid = TG_RELID AND indisprimary;
        IF TG_OP = 'UPDATE' THEN
            IF was = becomes THEN
                RETURN NULL;
            END IF;
            SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, n.value) INTO was, becomes
            FROM jsonb_each(was) o JOIN jsonb_each(becomes) n USING (key) WHERE o.value IS DISTINCT FROM n.value;
        END IF;
        FOREACH shown IN ARRAY hidden LOOP
            was := CASE WHEN was ? shown THEN was || jsonb_build_object(shown, '(hidden)') ELSE was END;
            becomes := CASE WHEN becomes ? shown THEN becomes || jsonb_build_object(shown, '(hidden)') ELSE becomes END;
        END LOOP;
        IF octet_length(was::text) > {MAX_ROW_BYTES} THEN
            was := jsonb_build_object('bytes', octet_length(was::text),
                'sha256', encode(sha256(convert_to(was::text, 'UTF8')), 'hex'));
        END IF;
        IF octet_length(becomes::text) > {MAX_ROW_BYTES} THEN
            becomes := jsonb_build_object('bytes', octet_length(becomes::text),
                'sha256', encode(sha256(convert_to(becomes::text, 'UTF8')), 'hex'));
        END IF;
        PERFORM shoal_audit_append(
            coalesce((whole ->> 'organization_id')::integer, (context ->> 'organization_id')::integer, 0),
            context, lower(TG_OP), TG_TABLE_NAME::text, row_key, was, becomes
        );
        RETURN NULL;
    END $$
"""  # noqa: S608  (made of constants)
_FORBID = """
    CREATE FUNCTION shoal_audit_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit_entry is only ever added to' USING ERRCODE = 'insufficient_privilege';
    END $$
"""
_APPEND_ONLY = """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION shoal_audit_forbid()
"""
_NO_TRUNCATE = """
    CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION shoal_audit_forbid()
"""
