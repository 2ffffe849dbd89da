"""The console command as a person or a script meets it, in processes of its own."""

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SAMPLES = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix != ".py")
DIGITS = [path for path in SAMPLES if path.name[0].isdigit()]


def test_classify_prints_a_table_with_the_right_labels(run_cli):
    done = run_cli("classify", *SAMPLES)
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["path", "label", "confidence"]
    assert [line.split()[1] for line in lines] == [path.name[0] for path in DIGITS] + ["-"]
    assert lines[-1].endswith("rejected: blank")
    assert all(line.split()[2].endswith("%") for line in lines[:-1])
    assert done.stderr == ""


@pytest.mark.parametrize("backend", ["litert", "onnx", "numpy"])
def test_every_backend_reads_the_samples(run_cli, backend):
    done = run_cli("classify", "--json", "--backend", backend, *DIGITS)
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == [path.name[0] for path in DIGITS]


def test_json_lines_hold_everything(run_cli):
    done = run_cli("classify", "--json", *SAMPLES)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(SAMPLES)
    for line, path in zip(lines[:-1], DIGITS, strict=True):
        assert line["path"] == str(path)
        assert line["status"] == "ok"
        assert len(line["probabilities"]) == 10
        assert line["probabilities"][int(line["label"])] == pytest.approx(line["confidence"], abs=1e-4)
    blank = lines[-1]
    assert (blank["label"], blank["confidence"], blank["status"], blank["error"]) == ("", None, "rejected", "blank")


def test_a_file_that_fails_gives_one_line_and_the_rest_goes_on(run_cli, tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    done = run_cli("classify", "missing.png", DIGITS[4], "text.png", tmp_path, code=1)
    assert len(done.stdout.splitlines()) == 2
    said = done.stderr.splitlines()
    assert said[0] == "error: missing.png: there is no such file"
    assert said[1].startswith("error: text.png: this is not an image")
    assert "batch-classify" in said[2]
    assert len(said) == 3


def test_a_rejection_is_no_failure(run_cli):
    run_cli("classify", ROOT / "samples" / "blank-paper.jpg", code=0)


@pytest.mark.parametrize(
    "arguments", [["classify"], ["classify", "--backend", "magic", "x.png"], ["read-minds"], ["batch-classify", "."]]
)
def test_wrong_usage_ends_with_2(run_cli, arguments):
    assert "Error: " in run_cli(*arguments, code=2).stderr


def test_an_unknown_model_gives_one_line(run_cli):
    said = run_cli("classify", "--model", "none-such", DIGITS[0], code=1).stderr
    assert said.startswith("error: there is no model 'none-such': name one of ann")
    assert len(said.splitlines()) == 1


@pytest.fixture
def images(tmp_path):
    """A folder with good, bad and other files, at two depths."""
    folder = tmp_path / "images"
    (folder / "a").mkdir(parents=True)
    for path in DIGITS:
        shutil.copy(path, folder / "a" / path.name)
    shutil.copy(DIGITS[7], folder / "a-7.png")
    shutil.copy(DIGITS[1], folder / 'b "quoted", and\na line.JPG')
    shutil.copy(ROOT / "samples" / "blank-paper.jpg", folder)
    (folder / "broken.jpg").write_bytes(DIGITS[1].read_bytes()[:5000])
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("none")
    (folder / "loop").symlink_to(folder)
    return folder


def test_batch_classify_writes_a_row_for_each_image(run_cli, images, tmp_path):
    done = run_cli("batch-classify", images, "--output", "results.csv", code=1)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "page", "label", "confidence", "status", "error"]
    paths = [row["path"] for row in rows]
    expected = [path.relative_to(images).as_posix() for path in images.rglob("*") if path.suffix not in ("", ".txt")]
    assert paths == sorted(expected)
    by_path = {row["path"]: row for row in rows}
    for path in DIGITS:
        row = by_path[f"a/{path.name}"]
        assert (row["label"], row["status"], row["error"]) == (path.name[0], "ok", "")
        assert 0.3 < float(row["confidence"]) <= 1
    for name, error in {"broken.jpg": "truncated", "empty.png": "empty"}.items():
        row = by_path[name]
        assert (row["label"], row["confidence"], row["status"]) == ("", "", "failed")
        assert error in row["error"]
    assert by_path["blank-paper.jpg"]["status"] == "rejected"
    assert by_path["blank-paper.jpg"]["error"] == "blank"
    assert "15 images in" in done.stdout
    assert "12 ok, 1 rejected, 2 failed" in done.stdout
    assert "skipped 1 .txt (no supported image format), 1 linked to a folder (links to folders" in done.stdout
    assert "failed, for example: broken.jpg: the JPEG is truncated" in done.stdout


def test_names_that_are_not_utf8_come_back_as_their_bytes(run_cli, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    name = b"caf\xe9.bmp"
    (folder / name.decode("utf-8", "surrogateescape")).write_bytes(DIGITS[4].read_bytes())
    run_cli("batch-classify", folder, "--output", "results.csv")
    assert name + b",1,4," in (tmp_path / "results.csv").read_bytes()


def test_an_output_is_not_overwritten_unasked(run_cli, images, tmp_path):
    (tmp_path / "results.csv").write_text("precious")
    assert "--overwrite" in run_cli("batch-classify", images, "--output", "results.csv", code=1).stderr
    assert (tmp_path / "results.csv").read_text() == "precious"
    run_cli("batch-classify", images, "--output", "results.csv", "--overwrite", code=1)
    assert (tmp_path / "results.csv").read_text().startswith("path,page,label")


def test_bad_folders_and_outputs_give_one_line(run_cli, images):
    for arguments, code in {
        ("nowhere", "--output", "r.csv"): 1,
        (DIGITS[0], "--output", "r.csv"): 1,
        (images, "--output", "r.xlsx"): 2,
        (images, "--output", "no/such/folder/r.csv"): 1,
    }.items():
        said = run_cli("batch-classify", *arguments, code=code).stderr
        assert said.startswith("error: ")
        assert len(said.splitlines()) == 1


def test_an_empty_folder_gives_an_empty_table_and_an_error(run_cli, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run_cli("batch-classify", "empty", "--output", "r.csv", code=1)
    assert done.stderr == "error: nothing was read: there is no image in empty\n"
    assert (tmp_path / "r.csv").read_text() == "path,page,label,confidence,status,error\n"


def test_doctor_finds_what_works(run_cli):
    found = json.loads(run_cli("doctor", "--json").stdout)
    assert found["ok"] is True
    assert found["auto"] == "litert"
    assert found["backends"]["onnx"]["works"]
    assert len(found["models"]["ann"]["sha256"]["tflite_int8"]) == 64
    text = run_cli("doctor").stdout
    assert "backend litert" in text
    assert "all is well" in text


@pytest.mark.long("reads the samples with every model")
def test_models_lists_what_model_takes(run_cli, tmp_path):
    rows = [json.loads(line) for line in run_cli("models", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows if row["default"]] == ["ann"]
    header, *lines = run_cli("models").stdout.splitlines()
    assert header.split() == ["name", "bytes", "MNIST", "network"]
    for row, line in zip(rows, lines, strict=True):
        assert (Path(row["folder"]) / "model_int8.tflite").stat().st_size == row["bytes"]
        assert f"{row['bytes']:,}" in line
        assert f"{row['mnist_test']:.2%}" in line
        assert line.startswith(row["name"])
        assert line.endswith("(default)") == row["default"]
        read = run_cli("classify", "--json", "--model", row["name"], DIGITS[4]).stdout
        assert json.loads(read)["label"] == "4"
        run_cli("batch-classify", ROOT / "samples", "--model", row["name"], "--output", f"{row['name']}.csv")
        assert len((tmp_path / f"{row['name']}.csv").read_text().splitlines()) == 1 + len(SAMPLES)


def test_help_shows_examples(run_cli):
    for command in ([], ["classify"], ["batch-classify"], ["models"]):
        assert "Examples:" in run_cli(*command, "--help").stdout


def test_a_closed_pipe_ends_quietly(tmp_path):
    done = shell(f"edge-digits classify --json {shlex.join(map(str, DIGITS * 200))} | head -1", tmp_path)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def shell(line, folder):
    """Run a line of bash in which `edge-digits` is the command, whatever the checkout's own path is."""
    command = f'edge-digits() {{ {shlex.quote(sys.executable)} -m edge_runtime "$@"; }}; {line}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_streams_that_are_closed_or_full_are_no_fault_of_ours(tmp_path):
    for streams, code in {">&-": 0, "2>&-": 0, "<&-": 0, ">&- 2>&- <&-": 0, "> /dev/full": 1}.items():
        done = shell(f"edge-digits classify {shlex.quote(str(DIGITS[4]))} {streams}", tmp_path)
        assert done.returncode == code, streams
        assert "fault" not in done.stderr
    assert "standard output cannot be written" in done.stderr


def test_a_name_that_the_terminal_cannot_show_is_shown_as_an_escape(tmp_path):
    shutil.copy(DIGITS[4], tmp_path / "日.bmp")
    done = shell("PYTHONIOENCODING=latin-1 edge-digits classify 日.bmp", tmp_path)
    assert done.returncode == 0
    assert "u65e5" in done.stdout


def test_a_very_deep_folder_is_read(run_cli, tmp_path):
    # Too deep for one call: the whole path is longer than the system takes.
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=folder)
        above, folder = folder, os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(above)
    with os.fdopen(os.open("4.bmp", os.O_WRONLY | os.O_CREAT, dir_fd=folder), "wb") as file:
        file.write(DIGITS[4].read_bytes())
    os.close(folder)
    try:
        assert "1 images" in run_cli("batch-classify", "d", "--output", "r.csv").stdout
    finally:  # Python's own way to remove a tree is not deep enough
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


@pytest.mark.parametrize("output", ["folder.csv", "x" * 300 + ".csv", "/proc/none.csv", "link.csv"])
def test_outputs_that_cannot_be_are_one_line(run_cli, images, tmp_path, output):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link.csv.part").symlink_to("precious")
    said = run_cli("batch-classify", images, "--output", output, code=1).stderr
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert (tmp_path / "precious").read_text() == "precious"
