"""Forms in batch jobs: a column for each field, accuracy, the report and corrections."""

import csv
import json

import cv2
import numpy as np
import pytest

from edge_runtime.batch.job import BatchJob, BatchObserver
from edge_runtime.batch.settings import BatchSettings
from tests.forms.blank_form import FIELDS, VALUES, draw_blank, fill, write_form

NAMES = [name for name, *_ in FIELDS]
OTHER = {"number": "320717", "date": "4712", "amount": "20747", "room": "123"}


@pytest.fixture
def scans(tmp_path):
    """Two filled sheets and one of another form."""
    form = write_form(tmp_path)
    (tmp_path / "scans").mkdir()
    blank = draw_blank()
    cv2.imwrite(str(tmp_path / "scans" / "a.png"), fill(blank))
    cv2.imwrite(str(tmp_path / "scans" / "b.png"), fill(blank, OTHER))
    cv2.imwrite(str(tmp_path / "scans" / "c.png"), cv2.resize(blank, (300, 300))[::-1])
    return form


def run_job(run, form, output, *more, code=1):
    return run("batch-classify", "scans", "--mode", "read", "--fields", form, "--output", output, *more, code=code)


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_field_has_its_columns_in_every_format(run_cli, scans, tmp_path):
    run_job(run_cli, scans, "out.csv")
    first, second, failed = table(tmp_path / "out.csv")
    assert {name: first[name] for name in NAMES} == VALUES
    assert {name: second[name] for name in NAMES} == OTHER
    assert float(first["alignment"]) > 0.9
    assert all(0.9 < float(first[f"{name}_trust"]) <= 1 for name in NAMES)
    assert (first["status"], first["number_reason"]) == ("ok", "")
    assert failed["status"] == "failed"
    assert "does not match the template" in failed["error"]
    assert failed["number"] == failed["number_trust"] == failed["alignment"] == ""

    run_job(run_cli, scans, "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {field["name"]: field["text"] for field in lines[1]["fields"]} == OTHER
    assert len(lines[0]["fields"][0]["digits"]) == 6
    assert "fields" not in lines[2]

    pyarrow = pytest.importorskip("pyarrow.parquet")
    run_job(run_cli, scans, "out.parquet")
    columns = pyarrow.read_table(tmp_path / "out.parquet").to_pydict()
    assert columns["room"] == ["207", "123", None]
    assert columns["room_reason"] == ["", "", None]


def test_a_job_of_forms_resumes_and_refuses_another_form(run_cli, scans, tmp_path):
    run_job(run_cli, scans, "whole.csv")
    whole = (tmp_path / "whole.csv").read_bytes()
    # As a kill leaves it after the first file: see tests/batch/test_journal.py for kills themselves.
    (tmp_path / "scans" / "d.png").write_bytes((tmp_path / "scans" / "a.png").read_bytes())
    run_job(run_cli, scans, "out.csv", "--exclude", "d.png")
    assert (tmp_path / "out.csv").read_bytes() == whole
    assert "nothing to do" in run_job(run_cli, scans, "out.csv", "--exclude", "d.png", "--resume", code=0).stdout


def test_true_texts_give_the_accuracy_of_each_field(run_cli, scans, tmp_path):
    wrong = OTHER | {"amount": "90747"}
    rows = [
        ",".join(["filename", *NAMES]),
        *(",".join([f"{n}.png", *v.values()]) for n, v in (("a", VALUES), ("b", wrong))),
    ]
    (tmp_path / "true.csv").write_text("\n".join(rows), encoding="utf-8")
    result = run_job(run_cli, scans, "out.csv", "--labels", tmp_path / "true.csv")
    assert "2 read as 9" not in result.stdout
    assert "9 read as 2: 1" in result.stdout
    assert "1 rows have no true text" in result.stdout
    found = json.loads((tmp_path / "out.accuracy.json").read_text(encoding="utf-8"))
    assert found["texts"]["number"]["exact"] == 2
    assert found["texts"]["amount"]["exact"] == 1
    assert found["texts"]["amount"]["character_error_rate"] == pytest.approx(0.1)
    assert found["texts"]["number"]["coverage"][0] == {"trust": 0.0, "coverage": 1.0, "error": 0.0}


def test_true_texts_of_pages_without_a_form(run_cli, scans, tmp_path):
    (tmp_path / "true.csv").write_text("filename,label\na.png,1\nb.png,1\nc.png,1\n", encoding="utf-8")
    job = ("batch-classify", "scans", "--mode", "read", "--output", "out.csv", "--labels", tmp_path / "true.csv")
    assert "character errors" in run_cli(*job).stdout


def test_copies_of_pages_are_sorted_by_status(run_cli, scans, tmp_path):
    run_job(run_cli, scans, "out.csv", "--copy-to", "sorted", "--quarantine", "failed")
    assert sorted(path.name for path in (tmp_path / "sorted" / "ok").iterdir()) == ["a.png", "b.png"]
    assert [path.name for path in (tmp_path / "failed").glob("*.png")] == ["c.png"]


def test_corrections_are_merged_into_a_finished_output(run_cli, scans, tmp_path):
    strict = ("--max-error", "0.001")  # so that everything is rejected
    for name in ("out.csv", "out.jsonl"):
        run_job(run_cli, scans, name, *strict)
        (tmp_path / "corrections.csv").write_text(
            "path,page,field,text\n"
            + "".join(f"a.png,1,{field},{text}\n" for field, text in OTHER.items())
            + "z.png,1,room,5\n",
            encoding="utf-8",
        )
        result = run_job(run_cli, scans, name, "--corrections", tmp_path / "corrections.csv", code=0)
        assert "5 corrections were merged" in result.stdout
        assert "1 corrected files are not in the output, for example: z.png" in result.stdout
    first, second, _ = table(tmp_path / "out.csv")
    assert {name: first[name] for name in NAMES} == OTHER
    assert (first["status"], first["error"], first["number_trust"]) == ("ok", "", "1.0000")
    assert second["status"] == "rejected"
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["status"] == "ok"
    assert [field["text"] for field in lines[0]["fields"]] == list(OTHER.values())
    assert lines[0]["fields"][0]["digits"]
    assert lines[1]["status"] == "rejected"


def test_corrections_are_merged_into_parquet(run_cli, scans, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "scans" / "a.png").rename(tmp_path / "scans" / "back\\slash.png")
    run_job(run_cli, scans, "out.parquet", "--max-error", "0.001")
    before = pyarrow.read_table(tmp_path / "out.parquet").to_pylist()
    rows = "".join(f"back\\slash.png,1,{field},{text}\n" for field, text in OTHER.items())
    (tmp_path / "corrections.csv").write_text("path,page,field,text\n" + rows, encoding="utf-8")
    run_job(run_cli, scans, "out.parquet", "--corrections", tmp_path / "corrections.csv", code=0)
    after = {row["path"]: row for row in pyarrow.read_table(tmp_path / "out.parquet").to_pylist()}
    changed = after.pop("back\\\\slash.png")
    assert {name: changed[name] for name in NAMES} == OTHER
    assert (changed["status"], changed["error"], changed["number_trust"]) == ("ok", "", 1.0)
    assert after == {row["path"]: row for row in before if row["path"] in after}


class StopsAfterOneFile(BatchObserver):
    """As Ctrl-C does."""

    def rows(self, rows, counts):
        raise KeyboardInterrupt


def test_a_job_that_is_continued_has_the_corrections_of_its_first_rows(run_cli, scans, tmp_path):
    (tmp_path / "corrections.csv").write_text("path,page,field,text\na.png,1,room,999\n", encoding="utf-8")
    settings = BatchSettings(folder=tmp_path / "scans", output=tmp_path / "out.csv", mode="read", fields=scans, batch=1)
    with pytest.raises(KeyboardInterrupt):
        BatchJob(settings).run(StopsAfterOneFile())
    result = run_job(run_cli, scans, "out.csv", "--resume", "--corrections", tmp_path / "corrections.csv")
    assert [row["room"] for row in table(tmp_path / "out.csv")] == ["999", "123", ""]
    assert "not in the output" not in result.stdout


def test_corrections_apply_while_an_output_is_written(run_cli, scans, tmp_path):
    (tmp_path / "corrections.csv").write_text("path,page,field,text\nb.png,1,room,999\n", encoding="utf-8")
    run_job(run_cli, scans, "out.csv", "--corrections", tmp_path / "corrections.csv")
    assert [row["room"] for row in table(tmp_path / "out.csv")] == ["207", "999", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,page,text\n", "has no column field"),
        ("path,page,field,text\na.png,1,rooms,1\n", "line 2: the form has no field 'rooms'"),
        ("path,page,field,text\na.png,x,room,1\n", "line 2: the page is 'x'"),
        ("path,page,field,text\na.png,1,room\n", "line 2: 3 cells, not 4"),
        ("path,page,field,text\na.png,1,room," + "1" * 300 + "\n", "line 2: the text is no value"),
        ("\0\0", "has no column path"),
    ],
)
def test_unreadable_corrections_are_one_line(run_here, scans, tmp_path, content, message):
    (tmp_path / "corrections.csv").write_text(content, encoding="utf-8")
    result = run_job(run_here, scans, "out.csv", "--corrections", "corrections.csv", code=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "classify"], "--fields is for --mode read"),
        (["--roi", "0,0,10,10"], "without --roi"),
        (["--output", "out.txt"], "must end in"),
    ],
)
def test_options_that_contradict_a_form_are_refused(run_here, scans, arguments, message):
    assert message in run_job(run_here, scans, "out.csv", *arguments, code=2).stderr


def test_report_and_corrections_need_a_form(run_here, scans):
    job = ("batch-classify", "scans", "--mode", "read", "--output", "out.csv")
    assert "need --fields" in run_here(*job, "--report", "r.html", code=2).stderr


def test_a_field_with_the_name_of_a_column_is_refused(run_here, scans):
    scans.write_text(scans.read_text(encoding="utf-8").replace('"room"', '"number_trust"'), encoding="utf-8")
    assert "two columns of the output have the name 'number_trust'" in run_job(run_here, scans, "o.csv", code=2).stderr


def test_standard_output_takes_the_rows_alone(run_cli, scans, tmp_path):
    result = run_job(run_cli, scans, "-")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["path"] for row in rows] == ["a.png", "b.png", "c.png"]
    assert {name: rows[1][name] for name in NAMES} == OTHER
    assert "3 images" in result.stderr
    assert "takes no --resume" in run_job(run_cli, scans, "-", "--resume", code=2).stderr


def test_pages_are_annotated_with_their_fields_or_digits(run_cli, scans, tmp_path):
    run_job(run_cli, scans, "out.csv", "--annotate", "seen")
    run_cli("read", "--fields", scans, "--annotate", "one", tmp_path / "scans" / "a.png")
    run_cli("batch-classify", "scans", "--mode", "read", "--output", "texts.csv", "--annotate", "digits")
    assert sorted(path.name for path in (tmp_path / "seen").glob("*.png")) == ["a.png.png", "b.png.png"]
    plain = cv2.imread(str(tmp_path / "scans" / "a.png"))
    for drawn in ("seen/a.png.png", "one/a.png.png", "digits/a.png.png"):
        picture = cv2.imread(str(tmp_path / drawn))
        assert picture.shape == plain.shape
        _, left, top, *_ = FIELDS[0]
        around = np.s_[top - 20 : top + 70, left - 20 : left + 260]
        assert (picture[around] != plain[around]).any()
    assert "overlap" in run_job(run_cli, scans, "o.csv", "--annotate", "scans/seen", code=2).stderr
