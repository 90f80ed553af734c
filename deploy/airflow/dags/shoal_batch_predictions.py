"""Every morning: predict the pictures of the day before, and stop what follows when the run cannot be believed.

Variables of Airflow (JSON ``shoal_batch``): ``manifests`` (folder with ``YYYY-MM-DD.csv``), ``output``, ``bundle``, ``python`` and
``beam_options`` (such as ``["--runner=FlinkRunner"]``). The work runs in an environment of its own (``python``), so that
Airflow's dependencies and ours never meet. A day may be run again: its output is replaced.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

_SETTINGS = "{{ var.json.shoal_batch.%s }}"
_DAY = "{{ ds }}"

with DAG(
    dag_id="shoal_batch_predictions",
    description="Predictions over a day's pictures, with a validation report",
    schedule="30 4 * * *",  # after the night's uploads
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10), "execution_timeout": timedelta(hours=4)},
    tags=["shoal"],
) as dag:
    environment = {
        "SHOAL_PYTHON": _SETTINGS % "python",
        "SHOAL_MANIFEST": (_SETTINGS % "manifests") + f"/{_DAY}.csv",
        "SHOAL_OUTPUT": (_SETTINGS % "output") + f"/{_DAY}",
        "SHOAL_BUNDLE": _SETTINGS % "bundle",
        "SHOAL_BEAM_OPTIONS": "{{ var.json.shoal_batch.get('beam_options', []) | join(' ') }}",
    }
    # Values reach the shell as variables and not as text, so that no name can become a command.
    find_manifest = BashOperator(
        task_id="find_manifest",
        bash_command='test -s "$SHOAL_MANIFEST" || { echo "no manifest $SHOAL_MANIFEST: nothing was uploaded"; exit 99; }',
        skip_on_exit_code=99,
        env=environment,
        append_env=True,
    )
    predict = BashOperator(
        task_id="predict",
        bash_command=(
            'options=(); for each in $SHOAL_BEAM_OPTIONS; do options+=("--option=$each"); done; '
            '"$SHOAL_PYTHON" -m models.serving.batch --manifest "$SHOAL_MANIFEST" --bundle "$SHOAL_BUNDLE" '
            '--output "$SHOAL_OUTPUT" --no-fail-on-invalid "${options[@]}"'
        ),
        env=environment,
        append_env=True,
    )
    validate = BashOperator(
        task_id="validate",
        bash_command=(
            '"$SHOAL_PYTHON" -c "import json, sys; report = json.load(open(sys.argv[1])); '
            "print(*(c for c in report['checks'] if not c['passed']), sep=chr(10)); sys.exit(not report['passed'])\" "
            '"$SHOAL_OUTPUT/report.json"'
        ),
        env=environment,
        append_env=True,
        retries=0,  # a run that cannot be believed is looked at by a person, not repeated
    )
    find_manifest >> predict >> validate
