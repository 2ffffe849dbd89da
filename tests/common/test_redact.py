"""Messages without the passwords of addresses."""

import pytest

from edge_runtime.common.redact import BROKER_FORM, ENCODE, SOURCE_FORM, redact, redact_argument


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no rtsp://me:pw@cam/live here", "no rtsp://...@cam/live here"),
        ("no rtsp://me:p w/p@w?p@cam/live", "no rtsp://...@cam/live"),
        ("two //a:pw@x and //b:pw@y", "two //...@y"),
        ("a line with //a:pw@x\nand //b:pw@y", "a line with //...@x\nand //...@y"),
        ("http://cam/video?user=me&pwd=pw is away", "http://cam/video?..."),
        ("photo@home.png: is that all?", "photo@home.png: is that all?"),
        (f"it is {SOURCE_FORM}; {ENCODE}", f"it is {SOURCE_FORM}; {ENCODE}"),
        (
            f"rtsp://me:pw@cam is not valid: {BROKER_FORM}; {ENCODE}",
            f"rtsp://...@cam is not valid: {BROKER_FORM}; {ENCODE}",
        ),
    ],
)
def test_what_may_be_a_login_or_a_query_is_left_out_of_a_message(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp//me:pw@cam", "...@cam"),
        ("rtsp:/me:pw@cam/a", "...@cam/a"),
        ("me:p@w@cam", "...@cam"),
        ("film@home.mp4", "film@home.mp4"),
        ("rtsp//cam/a?pwd=pw", "rtsp//cam/a?..."),
    ],
)
def test_a_mistyped_address_is_shown_without_its_login(text, shown):
    assert redact_argument(text) == shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["0", "rtsp://me:hunter2@cam/"],
        ["--fps", "http://me:hun@hunter2@cam/", "0"],
        ["--rotate", "http://cam/?pw=hunter2", "0"],
        ["rtsp//me:hunter2@cam"],
        ["--roi", "rtsp://me:hunter2@cam", "fake:"],
        ["fake:", "--to", "mqtt//me:hunter2@cam/t"],
        ["fake:", "--to", "mqtt:me:hunter2@cam/t"],
        ["fake:", "--to", "csv:mqtt://me:hunter2@cam/t"],
        ["rtsp://me:1/hunter2@127.0.0.1:9/live", "--debug"],
        ["http://me:1?hunter2@127.0.0.1:9/live", "--debug"],
    ],
)
def test_the_command_line_tells_no_password_that_it_was_given_in_the_wrong_place(run_here, arguments):
    done = run_here("watch", *arguments, code=None)
    assert done.returncode != 0
    assert "hunter2" not in done.stdout + done.stderr


def test_what_libraries_write_themselves_shows_no_password_either(run_cli):
    done = run_cli("watch", "rtsp://me:hunter2@127.0.0.1:9/live", "--debug", "--backend", "litert", code=1)
    assert "rtsp://127.0.0.1:9/live cannot be opened" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
