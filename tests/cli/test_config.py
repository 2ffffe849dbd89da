"""Options from a TOML file, for any command."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edge_runtime.cli.config import config_option
from edge_runtime.errors import EdgeDigitsError, UsageError


@config_option
@click.command()
@click.argument("source")
@click.option("--to", multiple=True)
@click.option("--stable", type=click.IntRange(1, 100), default=5)
@click.option("--largest-step", type=float)
@click.option("--roi", nargs=4, type=int)
@click.option("--rotate", type=click.Choice(["0", "90"]), default="0")
@click.option("--save-hard", type=click.Path(path_type=Path))
@click.option("--only-upward", is_flag=True)
@click.option("--images/--no-images", default=False)
@click.option("-m", "--model", "name", envvar="TEST_MODEL")
def command(**options):
    click.echo(repr(options))


@pytest.fixture
def run(tmp_path):
    def run(text, *arguments, environment=None):
        path = tmp_path / "watch.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        runner = CliRunner(env=environment)
        done = runner.invoke(command, [*arguments, "--config", str(path)], standalone_mode=False)
        if done.exception:
            raise done.exception
        return eval(done.output, {"PosixPath": Path})  # what our own command printed

    return run


EVERYTHING = """
source = "rtsp://camera/1"
to = ["stdout", "csv:readings.csv"]
stable = 7
largest-step = 3          # a whole number is a number
roi = [1, 2, 30, 40]
rotate = "90"
save-hard = "hard"
only-upward = true
images = true
model = "ann-nano"
"""


def test_everything_may_come_from_the_file_by_the_same_names(run):
    assert run(EVERYTHING) == {
        "source": "rtsp://camera/1",
        "to": ("stdout", "csv:readings.csv"),
        "stable": 7,
        "largest_step": 3.0,
        "roi": (1, 2, 30, 40),
        "rotate": "90",
        "save_hard": Path("hard"),
        "only_upward": True,
        "images": True,
        "name": "ann-nano",
    }


def test_the_command_line_wins_then_the_environment_then_the_file_then_the_default(run):
    found = run(EVERYTHING, "0", "--to", "stdout", "--stable", "9", "--no-images")
    assert (found["source"], found["to"], found["stable"], found["images"]) == ("0", ("stdout",), 9, False)
    assert found["rotate"] == "90"
    assert run(EVERYTHING, environment={"TEST_MODEL": "cnn"})["name"] == "cnn"
    assert run("", "0")["stable"] == 5


def test_one_text_is_accepted_for_a_repeatable_option(run):
    assert run('source = "0"\nto = "stdout"')["to"] == ("stdout",)


def test_a_missing_argument_is_reported(run):
    with pytest.raises(click.MissingParameter):
        run("stable = 3")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stabel = 3", "there is no option 'stabel': did you mean 'stable'?"),
        ("largest_step = 3", "there is no option 'largest_step': did you mean 'largest-step'?"),
        ("m = 'ann'", "there is no option 'm'"),
        ("xyzzy = 3", "there is no option 'xyzzy'; there are images, largest-step, model, only-upward"),
        ("config = 'other.toml'", "there is no option 'config'"),
        ("help = true", "there is no option 'help'"),
        ("stable = '3'", "stable: a text is not a whole number"),
        ("stable = 3.0", "stable: 3.0 is not a whole number"),
        ("stable = true", "stable: true is not a whole number"),
        ("stable = 0", "stable: 0 is not in the range 1<=x<=100"),
        ("stable = [3]", "stable: a list is not a whole number"),
        ("largest-step = 'x'", "largest-step: a text is not a number"),
        ("only-upward = 1", "only-upward: 1 is not true or false"),
        ("rotate = 90", "rotate: 90 is not a text"),
        ("rotate = '45'", "rotate: '45' is not one of '0', '90'"),
        ("roi = [1, 2, 3]", "roi: a list is not a list of 4: each a whole number"),
        ("to = [1]", "to: a list is not a text"),
        ("source = 0", "source: 0 is not a text"),
        ("[stable]\nx = 1", "stable: a table is not a whole number"),
        ("[mqtt]\nto = 'x'", "there is no option 'mqtt'"),
        ("model = 2026-01-01", "model: 2026-01-01 is not a text"),
        ("stable = ", "is not valid TOML: Invalid value"),
        ("stable = 3\nstable = 4", "is not valid TOML: Cannot overwrite a value"),
        (b"stable = 3\nmodel = '\xff'", "line 2: not valid UTF-8: save the file as UTF-8"),
        ("a = " + "[" * 5000, "is not valid TOML"),
    ],
)
def test_errors_are_one_clear_line_with_the_key(run, text, reason):
    with pytest.raises(UsageError) as caught:
        run(text, "0")
    assert reason in str(caught.value)
    assert "watch.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misplaced_secret_is_not_shown(run):
    for text in ("stable = 's3cret'", "roi = ['s3cret']", "to = { password = 's3cret' }"):
        with pytest.raises(UsageError) as caught:
            run(text, "0")
        assert "s3cret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_clear_line(run, tmp_path):
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(EdgeDigitsError, match=reason):
            command.main(["0", "--config", str(path)], standalone_mode=False)
    with pytest.raises(UsageError, match="has over 1,048,576 bytes"):
        run("#" * (1 << 21), "0")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_windows_editors_are_read_as_meant(run, encoding, end):
    found = run(EVERYTHING.replace('"hard"', '"härd"').replace("\n", end).encode(encoding))
    assert (found["stable"], found["save_hard"]) == (7, Path("härd"))
