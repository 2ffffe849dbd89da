"""The report of a batch of forms, in a real browser: a correction is typed, exported and merged."""

import csv

import cv2
import pytest

from tests.conftest import program
from tests.forms.blank_form import draw_blank, fill, write_form


@pytest.fixture
def report(run_cli, tmp_path):
    """The report of two sheets of which everything is rejected."""
    form = write_form(tmp_path)
    (tmp_path / "scans").mkdir()
    for name in ("a", "b & <b>"):
        cv2.imwrite(str(tmp_path / "scans" / f"{name}.png"), fill(draw_blank()))
    run_cli(*job(form), "--max-error", "0.001", "--report", "report.html")
    return tmp_path / "report.html", form


def job(form):
    return ("batch-classify", "scans", "--mode", "read", "--fields", form, "--output", "out.csv")


def test_a_correction_is_typed_exported_and_merged(report, run_cli, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    path, form = report
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri())
        assert page.locator("#items tr").count() == 8
        assert "8 fields and pages are listed" in page.locator("#summary").inner_text()
        page.locator("#field").select_option("room")
        assert page.locator("#items tr").count() == 2
        assert page.locator("#items img").first.evaluate("image => image.naturalWidth") > 50
        row = page.locator("#items tr", has_text="b & <b>.png")
        row.locator("input").fill("999")
        assert page.locator("#count").inner_text() == "1 correction"
        page.locator("#field").select_option("date")
        rows = page.locator("#items tr", has_text="b & <b>.png"), page.locator("#items tr", has_text="a.png")
        rows[0].get_by_role("button", name="right").click()
        rows[1].get_by_role("button", name="empty").click()
        page.reload()
        assert page.locator("#count").inner_text() == "3 corrections"
        with page.expect_download() as download:
            page.locator("#export").click()
        download.value.save_as(tmp_path / "corrections.csv")
        browser.close()
    assert errors == []
    run_cli(*job(form), "--corrections", tmp_path / "corrections.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert rows["b & <b>.png"]["room"] == "999"
    assert rows["b & <b>.png"]["room_reason"] == ""
    assert rows["a.png"]["room_reason"] == "low-confidence"
    assert (rows["b & <b>.png"]["date"], rows["b & <b>.png"]["date_reason"]) == ("2074", "")
    assert (rows["a.png"]["date"], rows["a.png"]["date_reason"]) == ("", "")


def test_the_report_needs_nothing_else(report):
    path, _ = report
    text = path.read_text(encoding="utf-8")
    assert "b & <b>" not in text  # names cannot become elements
    assert 'src="' not in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert not path.with_name("report.html.part").exists()
