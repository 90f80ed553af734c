"""The Beam pipeline: entries → predictions, in batches per worker → flags per unit → Parquet. Then the report, from what was written."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions

from contracts.bundles import ModelManifest
from models.runtime.bundle import find_bundle, load_bundle
from models.serving.batch.manifest import ImageEntry, parse_manifest
from models.serving.batch.predict import BatchPredictor
from models.serving.batch.report import write_report
from models.serving.batch.rules import Check, Row, Summary, flag_unit, validate

SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("unit", pa.string()),
        ("observed_at", pa.timestamp("us", tz="UTC")),
        ("sha256", pa.string()),
        ("task", pa.string()),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("model_sha256", pa.string()),
        ("label", pa.string()),
        ("best_label", pa.string()),
        ("confidence", pa.float64()),
        ("count", pa.int32()),
        ("detections", pa.string()),
        ("error", pa.string()),
        ("flags", pa.list_(pa.string())),
    ]
)
_PREFIX = "predictions"
_UNFINISHED = f"beam-temp-{_PREFIX}-*"
"""Folders of shards that are not in place yet, as Beam names them; a run that was killed leaves one."""
_HERE = "--runner=FnApiRunner"
"""Beam's own default would first download a program over the network and run it, and leave a folder on the machine for every try."""
_BATCH = 16


class Predict(beam.DoFn):
    """Batches of entries become rows."""

    def __init__(self, bundle: str) -> None:
        super().__init__()
        self._bundle = bundle
        self._predictor: BatchPredictor | None = None

    def setup(self) -> None:
        """Open the bundle in this worker; its sha256 is checked here."""
        self._predictor = BatchPredictor(self._bundle, read_file)

    def process(self, entries: list[ImageEntry]) -> Iterator[tuple[str, Row]]:
        """Rows by unit."""
        assert self._predictor is not None  # noqa: S101 - Beam calls setup first
        for row in self._predictor.predict(entries):
            yield row["unit"], row


def run(manifest: str, bundle: str, output: str, *, shards: int = 1, options: list[str] | None = None) -> list[Check]:
    """Predict every picture of a manifest and return the checks of the validation.

    Args:
        manifest: path or address of the list.
        bundle: name of a shipped bundle or path of a folder, there for every worker.
        output: folder for ``predictions-*.parquet``, ``report.html`` and ``report.json``; what an earlier run wrote is replaced.
        shards: Parquet files.
        options: of Beam, such as ``--runner=FlinkRunner``; without a runner it runs in this process.

    Raises:
        ConfigurationError: the manifest or the bundle cannot be used; nothing was written.
    """
    model = load_bundle(find_bundle(bundle)).manifest
    entries = read_manifest(manifest)
    _clear(output)
    pipeline_options = PipelineOptions([_HERE, *(options or [])])  # of two runners the last one counts
    pipeline_options.view_as(SetupOptions).save_main_session = False
    with beam.Pipeline(options=pipeline_options) as pipeline:
        flagged = (
            pipeline
            | "entries" >> beam.Create(entries)
            | "spread" >> beam.Reshuffle()
            | "batches" >> beam.BatchElements(min_batch_size=1, max_batch_size=_BATCH)
            | "predict" >> beam.ParDo(Predict(bundle))
            | "by unit" >> beam.GroupByKey()
            | "flag" >> beam.FlatMap(_flagged)
        )
        _ = flagged | "write" >> beam.io.WriteToParquet(
            posixpath.join(output, _PREFIX), SCHEMA, file_name_suffix=".parquet", num_shards=shards, codec="zstd"
        )
    return report(output, model, entries=len(entries))


def report(output: str, model: ModelManifest, *, entries: int) -> list[Check]:
    """Read back what was written, judge it, and write the report beside it."""
    summary = Summary()
    for row in read_rows(output):
        summary.add(row)
    checks = validate(summary, entries=entries, model_sha256=model.sha256)
    html, document = write_report(summary, checks, model)
    for name, text in (("report.html", html), ("report.json", document)):
        with FileSystems.create(posixpath.join(output, name), mime_type="application/octet-stream") as file:
            file.write(text.encode())
    return checks


def read_manifest(manifest: str) -> list[ImageEntry]:
    """The entries, with paths that a worker can open.

    Raises:
        ConfigurationError: a line cannot be used.
    """
    from contracts.errors import ConfigurationError

    try:
        with FileSystems.open(manifest) as file:
            found = list(parse_manifest(TextIOWrapper(file, encoding="utf-8-sig"), manifest))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("--manifest", manifest, f"It cannot be read: {error}") from error
    folder = posixpath.dirname(manifest)
    return [entry.model_copy(update={"image": _resolved(folder, entry.image)}) for entry in found]


def read_rows(output: str) -> Iterator[Row]:
    """Rows of a run, file by file."""
    (match,) = FileSystems.match([posixpath.join(output, f"{_PREFIX}-*.parquet")])
    for found in match.metadata_list:
        with FileSystems.open(found.path, compression_type="uncompressed") as file:
            for batch in pq.ParquetFile(pa.BufferReader(file.read())).iter_batches():
                yield from batch.to_pylist()


def read_file(path: str) -> bytes:
    """A picture, from wherever the runner's file systems reach."""
    with FileSystems.open(path, compression_type="uncompressed") as file:
        content: bytes = file.read()
    return content


def _flagged(unit: tuple[str, Iterable[Row]]) -> list[dict[str, Any]]:
    return flag_unit(list(unit[1]))


def _resolved(folder: str, image: str) -> str:
    return image if image.startswith("/") or "://" in image else posixpath.join(folder, image)


def _clear(output: str) -> None:
    if not FileSystems.exists(output):
        FileSystems.mkdirs(output)
    (match,) = FileSystems.match([posixpath.join(output, f"{_PREFIX}-*.parquet")])
    (left,) = FileSystems.match([posixpath.join(output, _UNFINISHED, "*")])
    gone = [found.path for found in match.metadata_list]
    gone += sorted({posixpath.dirname(found.path) for found in left.metadata_list})
    if gone:
        FileSystems.delete(gone)
