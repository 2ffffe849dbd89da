"""`edge-digits watch` with sinks and configuration files, in separate processes."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_runtime.cli.watch import watch
from edge_runtime.images.files import read_gray
from edge_runtime.sinks.record import COLUMNS
from tests.conftest import ROOT
from tests.mosquitto import Listener, Mosquitto, free_port, wait_until
from tests.schemas import schema

TWO = "fake:digits=123|456,change=1.5,fps=10"  # one number for a while, then another, over and over
QUICK = ("--stable", 2, "--backend", "litert")  # frames; nothing that need be tried in a process of its own


@pytest.fixture
def start(tmp_path):
    """Start a watch in an empty folder; it is killed at the end of the test."""
    jobs = []

    def start_(*arguments, **environment):
        command = [sys.executable, "-m", "edge_runtime", "watch", *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")} | environment
        pipe = subprocess.PIPE
        jobs.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True))
        return jobs[-1]

    yield start_
    for job in jobs:
        if job.poll() is None:
            job.kill()
        job.communicate()


def end(job, how=signal.SIGTERM):
    """End a watch; returns its exit code, standard output and standard error."""
    job.send_signal(how)
    # The promise is two seconds; this machine may do other things, too.
    printed, said = job.communicate(timeout=15)
    assert "Traceback" not in said
    return job.returncode, printed, said


def test_every_sink_gets_every_reading(run_here, tmp_path):
    to = ["--to", "stdout", "--to", "jsonl:r.jsonl", "--to", "csv:r.csv", "--to", "sqlite:r.sqlite"]
    done = run_here("watch", TWO, "--seconds", 4, "--json", *to, "--save-hard", "hard", "--save-hard-below", 1, *QUICK)
    printed = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert [each["text"] for each in printed][:2] == ["123", "456"]
    assert [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()] == printed
    with (tmp_path / "r.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [each["id"] for each in printed]
    with sqlite3.connect(tmp_path / "r.sqlite") as connection:
        rows = connection.execute("SELECT id, text FROM readings ORDER BY frame").fetchall()
    assert rows == [(each["id"], each["text"]) for each in printed]
    assert list((tmp_path / "hard" / "unsorted").glob("*.png"))  # nobody is as sure as that
    assert list((tmp_path / "hard" / "frames").glob("*.jpg"))


def test_all_options_can_be_set_in_a_file(run_here, tmp_path):
    (tmp_path / "watch.toml").write_text(
        f'source = "{TWO}"\nto = ["csv:r.csv"]\nseconds = 1.5\ndigits = 3\nstable = 2\nbackend = "litert"\n'
    )
    assert run_here("watch", "--config", "watch.toml").stdout == ""
    assert "123" in (tmp_path / "r.csv").read_text()
    assert "123" in run_here("watch", "--config", "watch.toml", "--to", "stdout").stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stabel = 3", "there is no option 'stabel': did you mean 'stable'?"),
        ("stable = 'x'", "stable: a text is not a whole number"),
        ("to = 'printer'", "unknown sink 'printer': use stdout, jsonl:FILE"),
        ("to = 'mqtt://me:s3cret@broker'", "'mqtt://broker' has no valid topic"),
    ],
)
def test_errors_in_the_file_are_reported_in_one_line(run_here, tmp_path, text, reason):
    (tmp_path / "watch.toml").write_text(text)
    said = run_here("watch", "fake:", "--config", "watch.toml", code=2).stderr
    assert reason in said
    assert "s3cret" not in said
    assert len(said.splitlines()) == 1


def test_a_password_on_the_command_line_is_refused_with_what_to_do(run_here):
    said = run_here("watch", "fake:", "--to", "mqtt://me:s3cret@127.0.0.1/t", code=2).stderr
    assert "--password-file or EDGE_DIGITS_MQTT_PASSWORD" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_soon_with_all_readings_kept_though_the_broker_is_away(start, tmp_path, how):
    address = f"mqtt://me:s3cret@127.0.0.1:{free_port()}/t"
    (tmp_path / "watch.toml").write_text(
        f'source = "{TWO}"\nto = ["jsonl:r.jsonl", "{address}"]\nstable = 2\nbackend = "litert"\n'
    )
    job = start("--config", "watch.toml")
    path = tmp_path / "r.jsonl"
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) == 2)
    assert b"s3cret" not in Path(f"/proc/{job.pid}/cmdline").read_bytes()
    code, _, said = end(job, how)
    assert code == 128 + how
    (box,) = (tmp_path / "state" / "edge-digits").glob("*.sqlite")
    with sqlite3.connect(box) as connection:
        waiting = [json.loads(row[0]) for row in connection.execute("SELECT payload FROM outbox ORDER BY place")]
    assert waiting == [json.loads(line) for line in path.read_text().splitlines()]
    assert f"{len(waiting)} readings for mqtt://127.0.0.1" in said
    assert "s3cret" not in said


def test_commands_from_the_broker_are_executed(start, tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    listener = Listener(broker.port)
    job = start(TWO, "--to", f"mqtt://127.0.0.1:{broker.port}/m", "--images", *QUICK)
    wait_until(lambda: listener.on("m") and listener.on("m/image"))  # an image follows each reading
    listener.publish("m/command", "pause")
    time.sleep(0.5)
    count, images = len(listener.on("m")), len(listener.on("m/image"))
    time.sleep(2)  # longer than a number stands
    assert len(listener.on("m")) == count
    listener.publish("m/command", "snapshot")
    wait_until(lambda: len(listener.on("m/image")) == images + 1)
    (tmp_path / "shown.jpg").write_bytes(listener.on("m/image")[-1])
    assert read_gray(tmp_path / "shown.jpg").shape == (480, 640)
    listener.publish("m/command", "resume")
    wait_until(lambda: len(listener.on("m")) > count)
    code, _, said = end(job)
    assert code == 143
    assert "paused" in said
    assert listener.on("m/availability")[-1] == b"offline"
    listener.close()
    broker.stop()


def test_a_folder_removed_during_a_watch_is_reported_and_gives_exit_code_1(start, tmp_path):
    (tmp_path / "data").mkdir()
    targets = [f"{kind}:data/r.{kind}" for kind in ("sqlite", "csv", "jsonl")]
    to = [word for target in [*targets, "jsonl:r.jsonl"] for word in ("--to", target)]
    job = start(TWO, *to, "--seconds", 4.2, *QUICK)
    path = tmp_path / "r.jsonl"
    wait_until(lambda: path.exists() and path.read_text())
    shutil.rmtree(tmp_path / "data")
    wait_until(lambda: len(path.read_text().splitlines()) == 2)
    (tmp_path / "data").mkdir()
    _, said = job.communicate(timeout=30)
    assert job.returncode == 1
    for target in targets:
        assert f"error: {target.partition(':')[2]} cannot be written: " in said
        assert f"{target} works again; 1 readings were lost" in said
        assert f"error: 1 readings were lost at {target}" in said
    third = json.loads(path.read_text().splitlines()[2])
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "r.sqlite")) as connection:
        assert connection.execute("SELECT id, text FROM readings").fetchall() == [(third["id"], "123")]
    assert third["id"] in (tmp_path / "data" / "r.csv").read_text()


def test_the_broker_gets_the_state_of_the_camera_and_refused_readings(start, tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    listener = Listener(broker.port)
    plan = "fake:digits=456|123,change=1,fps=10,fault=disconnect@2+60"
    job = start(plan, "--to", f"mqtt://127.0.0.1:{broker.port}/m", "--only-upward", "--state", "s", *QUICK)
    problems = [{"problem": "OFF", "reason": ""}, {"problem": "ON", "reason": "less than 456"}]
    wait_until(lambda: [json.loads(each) for each in listener.on("m/problem")][:2] == problems)
    for each in listener.on("m/problem"):
        schema("problem-v1").validate(json.loads(each))
    listener.publish("m/command", "accept")
    wait_until(lambda: [json.loads(each)["text"] for each in listener.on("m")] == ["456", "123"])
    for each in listener.on("m"):
        schema("reading-v1").validate(json.loads(each))
    wait_until(lambda: listener.on("m/availability")[-1] == b"offline")
    assert listener.on("m/availability")[0] == b"online"
    assert job.poll() is None
    assert end(job)[0] == 143
    assert json.loads((tmp_path / "s").read_bytes())["text"] == "123"
    listener.close()
    broker.stop()


# What docs/reference/watch.md says

PAGE = (ROOT / "docs" / "reference" / "watch.md").read_text(encoding="utf-8")


def test_the_example_configuration_is_valid(tmp_path):
    (tmp_path / "watch.toml").write_text(PAGE.partition("```toml\n")[2].partition("```")[0])
    found = watch.make_context("watch", ["--config", str(tmp_path / "watch.toml")]).params
    assert found["source"] == "/dev/video0"
    assert len(found["targets"]) == 3
    assert found["save_hard"] == Path("/var/lib/meter/hard")


def test_the_page_documents_all_fields_of_a_reading_and_all_sink_options():
    assert tuple(re.findall(r"^\| `(\w+)` \| (?:text|number|whole number) \|", PAGE, re.MULTILINE)) == COLUMNS
    assert tuple(json.loads(PAGE.partition("```json\n")[2].partition("```")[0])) == COLUMNS
    names = {name for each in watch.params for name in each.opts if name.startswith("--")}
    sinks = {name for name in names if re.match("--(to|jsonl|outbox|password|ca-|discovery|images|save-hard)", name)}
    assert len(sinks) == 12
    assert {name for name in sinks if name not in PAGE} == set()
