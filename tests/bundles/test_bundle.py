"""A bundle from anywhere: what is wrong with it is said before an interpreter sees it."""

import json
import shutil

import pytest

from edge_runtime import Classifier
from edge_runtime.bundles.bundle import load_bundle, names
from edge_runtime.errors import ModelError


@pytest.fixture
def folder(tmp_path):
    """A copy of the default bundle."""
    return shutil.copytree(load_bundle().folder, tmp_path / "bundle")


def change(folder, edit):
    manifest = json.loads((folder / "manifest.json").read_text())
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def threshold(max_error, coverage=0.5):
    return {"max_error": max_error, "min_confidence": 0.5, "coverage": coverage}


def test_the_default_is_the_first_of_the_shipped():
    assert names()[0] == load_bundle().name == "ann"


def test_a_copy_loads_by_its_folder(folder):
    assert Classifier(folder).bundle.folder == folder


def test_a_manifest_of_version_1_means_the_same(folder):
    def age(manifest):
        manifest.update(format_version=1, labels=[*manifest["labels"][:10], "none"])
        manifest["thresholds"]["max_none"] = manifest["thresholds"].pop("max_non_digit")

    new = load_bundle(folder)
    change(folder, age)
    old = load_bundle(folder)
    assert old.max_non_digit == new.max_non_digit < 1
    assert (old.temperature, old.thresholds, old.shapes) == (new.temperature, new.thresholds, new.shapes)


def test_one_changed_bit_of_a_model_is_refused(folder):
    data = bytearray((folder / "model_int8.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model_int8.tflite").write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256"):
        Classifier(folder, backend="litert")


def test_a_shortened_or_missing_model_is_refused(folder):
    model = folder / "model_int8.tflite"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelError, match="the size in its manifest"):
        Classifier(folder, backend="litert")
    model.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        Classifier(folder, backend="litert")


@pytest.mark.parametrize("path", ["../model_int8.tflite", "/etc/passwd", "a/b", "..", "", "nul\0", 7])
def test_a_file_outside_the_folder_is_refused(folder, path):
    change(folder, lambda manifest: manifest["files"]["tflite_int8"].update(path=path))
    with pytest.raises(ModelError, match="outside its folder"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda manifest: manifest.update(format_version=3),
        lambda manifest: manifest.update(format="something"),
        lambda manifest: manifest.update(labels=list("abc")),
        lambda manifest: manifest.update(temperature=0),
        lambda manifest: manifest.update(temperature="hot"),
        lambda manifest: manifest.update(thresholds={"min_confidence": 1.5}),
        lambda manifest: manifest.update(thresholds={"max_non_digit": -0.1}),
        lambda manifest: manifest.update(thresholds={"by_error": [{"max_error": 0.1}]}),
        lambda manifest: manifest.update(thresholds={"by_error": [threshold(0.2), threshold(0.1)]}),
        lambda manifest: manifest.update(thresholds={"by_error": [threshold(0.1, coverage=2)]}),
        lambda manifest: manifest.update(labels=[*map(str, range(10)), "letter"]),
        lambda manifest: manifest.update(files=[]),
        lambda manifest: manifest["files"]["tflite_int8"].update(bytes=10**12),
        lambda manifest: manifest["output"].update(activation="relu"),
        lambda manifest: manifest.pop("input"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(folder, edit):
    change(folder, edit)
    with pytest.raises(ModelError):
        load_bundle(folder)


def test_other_outputs_than_the_labels_are_refused(folder):
    (outputs,) = load_bundle(folder).shapes.outputs
    labels = [*map(str, range(10)), "non-digit"][: 21 - outputs]
    change(folder, lambda manifest: manifest.update(labels=labels))
    with pytest.raises(ModelError, match=f"{len(labels)} labels"):
        load_bundle(folder)
    change(folder, lambda manifest: manifest["output"].update(shape=[len(labels)]))
    with pytest.raises(ModelError, match=rf"has outputs \({outputs},\)"):
        Classifier(folder, backend="litert")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": NaN}', "\xff"])
def test_a_manifest_that_is_none_is_refused(folder, text):
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError):
        load_bundle(folder)


def test_a_huge_manifest_is_refused_unread(folder):
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(10 * 1024**3)
    with pytest.raises(ModelError, match="is over"):
        load_bundle(folder)


def test_an_unknown_name_says_which_there_are(tmp_path):
    with pytest.raises(ModelError, match="name one of ann"):
        load_bundle("nothing-of-the-kind")
    with pytest.raises(ModelError):
        load_bundle(tmp_path)
