from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from contracts.bundles import ModelManifest
from contracts.errors import ConfigurationError
from models import runtime
from models.runtime import BundleError, find_bundle, load_bundle, open_session, shipped_bundle
from tests.models.tiny_bundle import edit_manifest, tiny_detector


def test_a_whole_bundle_loads_from_its_folder_or_its_manifest(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    bundle = load_bundle(folder)
    assert bundle.manifest.name == "tiny"
    assert bundle.sha256 == hashlib.sha256(bundle.model_path.read_bytes()).hexdigest()
    assert load_bundle(folder / "manifest.json") == bundle


def test_a_flipped_byte_is_found_by_its_sha256(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.field == "manifest.sha256"
    assert caught.value.value == hashlib.sha256(content).hexdigest()
    assert "model.onnx" in caught.value.remedy
    assert "again" in caught.value.remedy


def test_a_truncated_download_is_named_by_its_size(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[:100])
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert (caught.value.field, caught.value.value) == ("manifest.bytes", 100)
    assert str(len(content)) in caught.value.remedy


def test_an_empty_model_file_is_refused(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    (folder / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match="truncated"):
        load_bundle(folder)


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    (folder / "model.onnx").unlink()
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.field == "manifest.file"
    assert str(caught.value.value).endswith("model.onnx")


def test_a_file_that_is_no_onnx_graph_is_refused_when_opened(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    junk = b"this is not a model" * 50
    (folder / "model.onnx").write_bytes(junk)
    edit_manifest(folder, sha256=hashlib.sha256(junk).hexdigest(), bytes=len(junk))
    bundle = load_bundle(folder)
    with pytest.raises(BundleError) as caught:
        open_session(bundle)
    assert caught.value.field == "manifest.file"
    assert "onnxruntime cannot load it" in caught.value.remedy


def test_a_model_that_changes_after_loading_is_not_opened(tmp_path: Path) -> None:
    bundle = load_bundle(tiny_detector(tmp_path / "tiny"))
    other = tiny_detector(tmp_path / "other", width=128)
    bundle.model_path.write_bytes((other / "model.onnx").read_bytes())
    with pytest.raises(BundleError):
        open_session(bundle)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sha256": "abc"}, "manifest.sha256"),
        ({"labels": []}, "manifest.labels"),
        ({"manifest_version": 2}, "manifest.manifest_version"),
        ({"input": {"width": 64}}, "manifest.input.height"),
        ({"file": "../../etc/passwd"}, "manifest.file"),
        ({"golden": ["/etc/passwd"]}, "manifest.golden.0"),
        ({"detection": None}, "manifest.detection"),
        ({"task": "classification"}, "manifest.classification"),
        ({"input": {"width": 64, "height": 32, "mean": [0.5]}}, "manifest.input.scale"),
        ({"input": {"width": 64, "height": 32, "dtype": "float32", "std": [0.0]}}, "manifest.input.std"),
    ],
)
def test_a_wrong_manifest_names_the_field(tmp_path: Path, changes: dict[str, object], field: str) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    edit_manifest(folder, **changes)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_manifest_that_is_not_json_is_refused(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match="Correct"):
        load_bundle(folder)


def test_a_manifest_keeps_fields_of_a_newer_shoal(tmp_path: Path) -> None:
    folder = tiny_detector(tmp_path / "tiny")
    edit_manifest(folder, signature_of_tomorrow="x")
    assert json.loads(load_bundle(folder).manifest.model_dump_json())["signature_of_tomorrow"] == "x"


def test_the_message_names_the_setting_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        load_bundle(tmp_path / "nowhere", field="cameras.0.model")
    assert caught.value.field == "cameras.0.model"
    assert "no such folder" in str(caught.value)
    with pytest.raises(BundleError, match="has no manifest"):
        load_bundle(tmp_path)


def test_a_shipped_bundle_is_found_by_name_and_others_by_path(tmp_path: Path) -> None:
    assert find_bundle("fish-detector") == shipped_bundle("fish-detector")
    folder = tiny_detector(tmp_path / "tiny")
    assert find_bundle(str(folder)) == folder
    with pytest.raises(BundleError, match=r"one of: .*fish-detector"):
        find_bundle("cat-detector")
    with pytest.raises(BundleError, match="no such folder"):
        find_bundle("some/where")
    with pytest.raises(BundleError):
        shipped_bundle("../bundles/fish-detector")


def test_the_manifest_in_the_readme_is_a_manifest(tmp_path: Path) -> None:
    readme = Path(runtime.__file__).with_name("README.md").read_text()
    example = readme.split("```json\n")[1].split("```")[0]
    manifest = ModelManifest.model_validate_json(example)
    assert manifest.detection is not None
    assert manifest.detection.format == "yolo"
    assert set(json.loads(example)) <= set(ModelManifest.model_fields), "the example teaches no unknown field"
