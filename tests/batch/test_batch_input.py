"""Input of batch-classify: folders, lists and label tables as written by various systems and editors."""

import csv
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from edge_runtime.batch.labels import FolderLabels, TableLabels
from edge_runtime.batch.paths import find_path
from edge_runtime.errors import FileError, UsageError
from edge_runtime.sources.folder import KINDS, OTHER, Folder
from edge_runtime.sources.listing import Listing
from edge_runtime.types import Row, Status
from tests.conftest import ROOT

DIGIT = ROOT / "samples" / "4-black-on-white.bmp"


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DIGIT, folder / name)


def read_csv(path):
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


# Folders


HIDDEN_FILES = [
    "._4.bmp",
    "@eaDir/4.bmp",
    ".Trash/4.bmp",
    ".thumbnails/a/4.bmp",
    "__MACOSX/4.bmp",
    "$RECYCLE.BIN/4.bmp",
]
HIDDEN_FILES += ["#recycle/4.bmp", "lost+found/4.bmp", "System Volume Information/4.bmp"]


def test_hidden_and_system_files_are_skipped_without_hidden(run_cli, tmp_path):
    folder = tmp_path / "images"
    fill(folder, "4.bmp", "a/4.bmp", *HIDDEN_FILES)
    for name in ("Thumbs.db", ".DS_Store", "a/desktop.ini"):
        (folder / name).touch()
    done = run_cli("batch-classify", folder, "--output", "r.csv")
    assert [row["path"] for row in read_csv(tmp_path / "r.csv")] == ["4.bmp", "a/4.bmp"]
    assert "skipped 12 hidden or system (--hidden reads them)" in done.stdout
    run_cli("batch-classify", folder, "--output", "all.csv", "--hidden")
    assert [row["path"].lstrip("'") for row in read_csv(tmp_path / "all.csv")] == sorted(
        ["4.bmp", "a/4.bmp", *HIDDEN_FILES]
    )
    run_cli("batch-classify", folder / "@eaDir", "--output", "named.csv")
    assert [row["path"] for row in read_csv(tmp_path / "named.csv")] == ["4.bmp"]


def test_skipped_files_are_reported_with_advice(run_cli, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.mov", "b.MOV", "c.jxl", "d", "e.not a suffix"):
        (folder / name).touch()
    (folder / "link").symlink_to(tmp_path)
    done = run_cli("batch-classify", folder, "--output", "r.csv", "--exclude", "*.bmp", code=1)
    for said in ("2 .mov (no supported image format)", "1 .jxl (save it as PNG", "1 linked to a folder"):
        assert said in done.stdout
    assert "2 without a known suffix" in done.stdout
    assert done.stderr == f"error: nothing was read: there is no image in {folder}\n"
    fill(folder, "4.bmp", "5.png")
    done = run_cli("batch-classify", folder, "--output", "r.csv", "--exclude", "*.bmp", "--overwrite")
    assert "1 by --include and --exclude" in done.stdout


def test_a_format_of_an_extra_that_is_missing_is_skipped_with_the_command_that_installs_it(run_cli, tmp_path):
    barred = tmp_path / "barred"
    barred.mkdir()
    code = "import importlib.util as u\nfind = u.find_spec\n"
    code += "u.find_spec = lambda name, *more: None if name in ('pi_heif', 'pypdfium2') else find(name, *more)\n"
    (barred / "sitecustomize.py").write_text(code)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.heic").touch()
    (folder / "scan.PDF").touch()
    done = run_cli("batch-classify", folder, "--output", "r.csv", code=1, before=str(barred))
    assert "12 .heic (pip install 'edge-digits[formats]'), 1 .pdf (pip install 'edge-digits[formats]')" in done.stdout


def test_kinds_of_skipped_files_are_bounded(tmp_path):
    for number in range(2 * KINDS):
        (tmp_path / f"a.x{number}").touch()
    folder = Folder(tmp_path)
    assert list(folder.paths()) == []
    assert len(folder.skipped) <= KINDS + 1
    assert folder.skipped.total() == 2 * KINDS
    assert folder.skipped[OTHER] >= KINDS - 1


def test_files_written_by_the_package_are_skipped(run_cli, tmp_path):
    """The second run reads the same files as the first, although all outputs of the first are in the folder."""
    folder = tmp_path / "images"
    fill(folder, "4/4.bmp")
    (folder / "4" / "cut.bmp").write_bytes(DIGIT.read_bytes()[:100])
    options = ["--copy-to", "sorted", "--quarantine", "bad", "--labels-from-folders"]
    run_cli("batch-classify", folder, "--output", folder / "r.csv", *options, code=1)
    for name in ("sorted", "bad"):
        (tmp_path / name).rename(folder / name)
    done = run_cli("batch-classify", folder, "--output", folder / "again.csv", code=1)
    assert [row["path"] for row in read_csv(folder / "again.csv")] == ["4/4.bmp", "4/cut.bmp"]
    assert "skipped 3 written by edge-digits (name the folder itself to read it), 1 .csv" in done.stdout
    done = run_cli("batch-classify", folder / "sorted", "--output", "sorted.csv", "--labels-from-folders")
    assert "accuracy 100.00% of 1 images" in done.stdout


def test_a_folder_that_is_removed_meanwhile_costs_one_warning(tmp_path):
    fill(tmp_path, "a/1.png", "b/2.png", "b/c/3.png", "d/4.png", "e.png")
    folder = Folder(tmp_path)
    said = []
    folder.warn = said.append
    paths = folder.paths()
    found = [next(paths)]
    shutil.rmtree(tmp_path / "b")
    found += paths
    assert found == ["a/1.png", "d/4.png", "e.png"]
    assert said == ["the folder b/ cannot be listed: No such file or directory"]
    assert folder.unread == 1


def test_a_folder_deeper_than_the_longest_path_costs_one_warning(run_cli, tmp_path):
    root = tmp_path / "images"
    fill(root, "1.bmp", "e/2.bmp")
    handle = os.open(root, os.O_RDONLY)
    for _ in range(50):
        os.mkdir("d" * 100, dir_fd=handle)
        above, handle = handle, os.open("d" * 100, os.O_RDONLY, dir_fd=handle)
        os.close(above)
    os.close(handle)
    try:
        done = run_cli("batch-classify", root, "--output", "r.csv", code=1)
    finally:  # Python's own way to remove a tree is not deep enough
        subprocess.run(["rm", "-rf", root / ("d" * 100)], check=True)
    assert [row["path"] for row in read_csv(tmp_path / "r.csv")] == ["1.bmp", "e/2.bmp"]
    assert done.stderr.count("cannot be listed: File name too long") == 1
    assert done.stderr.endswith("error: 1 folders could not be listed\n")
    assert all(len(line) < 400 for line in done.stderr.splitlines())


def test_many_folders_that_cannot_be_listed_are_counted(run_cli, tmp_path):
    root = tmp_path / "images"
    fill(root, "z.bmp")
    for number in range(30):
        (root / f"{number:02}").mkdir()
    code = "import os\nstat = os.stat\ndef broken(path, *more, **kind):\n"
    code += "    if '/images/' in str(path) and str(path).endswith('/') and not str(path).endswith('images/'):\n"
    code += "        raise OSError(5, 'Input/output error')\n    return stat(path, *more, **kind)\nos.stat = broken\n"
    (tmp_path / "barred").mkdir()
    (tmp_path / "barred" / "sitecustomize.py").write_text(code)
    done = run_cli("batch-classify", root, "--output", "r.csv", code=1, before=str(tmp_path / "barred"))
    assert done.stderr.count("cannot be listed: Input/output error") == 20
    assert "error: 30 folders could not be listed" in done.stderr
    assert [row["path"] for row in read_csv(tmp_path / "r.csv")] == ["z.bmp"]


# Lists


GRUN = "gr\u00fcn"  # composed, as Windows and Linux write it; a Mac writes u and a mark


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lists_in_all_encodings_are_read(tmp_path, encoding, end):
    names = ["a.png", f"{GRUN}.png", "", "a b.png", "c.png"]
    (tmp_path / "list").write_bytes(end.join(names).encode(encoding))
    with (tmp_path / "list").open("rb") as file:
        assert [path for path in Listing(file).paths() if path] == [name for name in names if name]


@pytest.mark.parametrize("block", [1, 2, 3, 7])
@pytest.mark.parametrize("null", [False, True])
def test_a_list_that_comes_in_small_pieces_is_read_the_same(tmp_path, monkeypatch, block, null):
    monkeypatch.setattr("edge_runtime.sources.listing.BLOCK", block)
    names = ["a", f"{GRUN}.png", "b\udcff.png", "c"]
    for mark in (b"", b"\xef\xbb\xbf"):
        text = ("\0" if null else "\r\n").join(names).encode("utf-8", "surrogateescape")
        (tmp_path / "list").write_bytes(mark + text)
        with (tmp_path / "list").open("rb") as file:
            assert [path for path in Listing(file, null).paths() if path] == names


@pytest.mark.parametrize(
    ("listed", "there"),
    [
        ("a\\4.bmp", "a/4.bmp"),
        (".\\a\\4.bmp", "a/4.bmp"),
        ('"a\\b 4.bmp"', "a/b 4.bmp"),
        ("  a/4.bmp ", "a/4.bmp"),
        (f"{GRUN}/{GRUN}.bmp", unicodedata.normalize("NFD", f"{GRUN}/{GRUN}.bmp")),
        (f"{GRUN}/{GRUN}.bmp", unicodedata.normalize("NFD", GRUN) + f"/{GRUN}.bmp"),
        (unicodedata.normalize("NFD", f"{GRUN}.bmp"), f"{GRUN}.bmp"),
        (f"{GRUN}.bmp".encode("cp1252").decode("utf-8", "surrogateescape"), f"{GRUN}.bmp"),
    ],
)
def test_a_path_that_is_written_in_another_way_is_found(tmp_path, monkeypatch, listed, there):
    fill(tmp_path, there)
    monkeypatch.chdir(tmp_path)
    assert Path(find_path(listed)).samefile(there)
    assert find_path(there) == there
    assert find_path(listed + "x") == listed + "x"


def test_a_list_from_windows_gives_rows_copies_and_an_example_of_what_is_not_there(run_cli, tmp_path):
    fill(tmp_path, "a/4.bmp", "a\\b.bmp", unicodedata.normalize("NFD", f"{GRUN}.bmp"))
    paths = ["a\\4.bmp", "a\\b.bmp", f"{GRUN}.bmp", "C:\\scans\\4.bmp"]
    given = "\ufeff" + "\r\n".join(paths) + "\r\n"
    options = ("--output", "r.csv", "--copy-to", "sorted")
    done = run_cli("batch-classify", "-", *options, code=1, given=given)
    rows = read_csv(tmp_path / "r.csv")
    assert [row["path"] for row in rows] == paths  # as they are in the list
    assert [row["label"] for row in rows] == ["4", "4", "4", ""]
    assert "failed, for example: C:\\scans\\4.bmp: there is no such file" in done.stdout
    assert f"a path in a list is relative to {tmp_path}" in done.stdout
    assert len(list((tmp_path / "sorted").rglob("*.bmp"))) == 3


def test_an_empty_list_is_an_error(run_cli):
    done = run_cli("batch-classify", "-", "--output", "r.csv", code=1, given="\n")
    assert done.stderr == "error: nothing was read: the list of paths is empty\n"


# Labels


def row(path, page=1):
    return Row(path, "7", 1.0, Status.OK, page=page)


def labels(tmp_path, text, encoding="utf-8"):
    table = tmp_path / "labels.csv"
    table.write_bytes(text.encode(encoding, "surrogateescape"))
    return TableLabels(table, str(tmp_path / "scans"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_label_tables_in_all_encodings_are_read(tmp_path, encoding, separator, end):
    lines = [("Filename ", "label"), ("a.png", "7"), (f"{GRUN}.png", " 3"), ("", ""), ("b.png", "1.0"), ("c.png", "")]
    truth = labels(tmp_path, end.join(separator.join(line) for line in lines) + end, encoding)
    found = {name: truth.label(row(name)) for name in ("a.png", "x/a.png", f"{GRUN}.png", "b.png", "c.png", "d.png")}
    assert found == {"a.png": "7", "x/a.png": "7", f"{GRUN}.png": "3", "b.png": "1", "c.png": None, "d.png": None}
    assert truth.unused() == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a\\b.png", "a/b.png"),
        (".\\a\\b.png", "a/b.png"),
        ("./a/b.png", "a/b.png"),
        ("scans/a/b.png", "a/b.png"),
        ("scans\\a\\b.png", "a/b.png"),
        ("C:\\Users\\me\\scans\\a\\b.png", "a/b.png"),
        ("/home/me/scans/a/b.png", "a/b.png"),
        ("../scans/a/b.png", "a/b.png"),
        ("a/b.png", "./a//b.png"),
        ("b.png", "a/b.png"),
        (f"{GRUN}.png", unicodedata.normalize("NFD", f"{GRUN}.png")),
        (unicodedata.normalize("NFD", f"{GRUN}.png"), f"{GRUN}.png"),
        (f"{GRUN}.png".encode("cp1252").decode("utf-8", "surrogateescape"), f"{GRUN}.png"),
        ("b\udcff.png", "b\udcff.png"),
    ],
)
def test_a_name_in_a_table_finds_its_file(tmp_path, name, path):
    truth = labels(tmp_path, f"filename,label\n{name},7\n")
    assert truth.label(row("a/c.png")) is None
    assert truth.unused() == [name]
    assert truth.label(row(path)) == "7"
    assert truth.unused() == []


def test_a_name_that_may_mean_two_files_is_not_guessed(tmp_path):
    truth = labels(tmp_path, "filename,label\n/a/scans/1.png,1\n/b/scans/1.png,2\nscans/2.png,3\n2.png,4\n")
    assert truth.label(row("1.png")) is None
    assert truth.label(row("2.png")) == "4"
    assert truth.label(row("scans/2.png")) == "3"
    assert labels(tmp_path, "filename,label\nscans/2.png,3\n").label(row("a/2.png")) is None


def test_pages_may_have_labels_of_their_own(tmp_path):
    truth = labels(tmp_path, "filename;page;label\na.tif;1;5\na.tif;02;6\nb.tif;;7\n")
    pages = [row("a.tif"), row("a.tif", 2), row("a.tif", 3), row("b.tif"), row("b.tif", 2)]
    assert [truth.label(page) for page in pages] == ["5", "6", None, "7", "7"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no columns filename,label: its first line is ''"),
        ("name;digit\na.png;1\n", "its first line is 'name;digit'"),
        ("filename,label\na.png,1\nb.png,x\n", "line 3: the label is 'x', not 0 to 9"),
        ("filename,label\na.png,1\n\na.png,2\n", "line 4: 'a.png' has the label 2, but 1 above"),
        ("filename,page,label\na.png,two,2\n", "line 2: the page is 'two'"),
        (f"filename,label\n{'x' * (1 << 21)},2\n", "line 2: field larger than"),
    ],
)
def test_an_invalid_table_is_refused_with_an_example(tmp_path, text, said):
    with pytest.raises(UsageError) as failure:
        labels(tmp_path, text)
    assert said in str(failure.value)
    assert len(str(failure.value)) < 300


def test_a_table_may_begin_with_a_line_for_spreadsheets_or_be_a_pipe(tmp_path):
    assert labels(tmp_path, "sep=|\r\nfilename|label\r\na.png|7\r\n").label(row("a.png")) == "7"
    with pytest.raises(FileError, match="cannot be read: No such file"):
        TableLabels(tmp_path / "none", "")
    reader, writer = os.pipe()
    os.write(writer, b"\xef\xbb\xbffilename,label\na.png,7\n")
    os.close(writer)
    assert TableLabels(Path(f"/dev/fd/{reader}"), "").label(row("a.png")) == "7"
    os.close(reader)


def test_folders_named_after_digits_are_labels():
    truth = FolderLabels()
    assert [truth.label(row(path)) for path in ("a/7/x.png", "7.png", "7/a/x.png", "77/x.png")] == [
        "7",
        None,
        None,
        None,
    ]


def test_labels_that_fit_no_image_are_shown(run_cli, tmp_path):
    fill(tmp_path / "scans", "4.bmp", "5.bmp")
    (tmp_path / "labels.csv").write_text("filename;label\n4.bmp;4\nfour.bmp;4\n")
    said = run_cli("batch-classify", "scans", "--output", "r.csv", "--labels", "labels.csv").stdout
    assert "accuracy 100.00% of 1 images with a true label" in said
    assert "1 have no true label, for example: 5.bmp" in said
    assert "1 true labels match no image, for example: four.bmp" in said
