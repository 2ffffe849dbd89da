"""Watch sessions in this process: the watchdog during slow frames, signals, and slow sinks."""

import contextlib
import json
import os
import signal
import socket
import threading
import time

import cv2
import numpy as np
import pytest

from edge_runtime import Reader
from edge_runtime.cli import watch_terminal
from edge_runtime.service.unit import WATCHDOG_SECONDS
from edge_runtime.sinks.jsonl import JsonLinesSink
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.watch import session
from edge_runtime.watch.call_thread import CallThread

SCALED = 2.0  # seconds: the watchdog's time here; what is slow is slow in the same ratio
RATIO = SCALED / WATCHDOG_SECONDS
READ = ("--backend", "litert", "--stable", "1")
FAKE = "fake:digits=123,width=320,height=240,size=40,fps=5"


class Systemd:
    """Listens like systemd, and counts when it would have killed the watch."""

    def __init__(self, folder, seconds):
        self.said, self.kills, self._seconds = [], 0, seconds
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0.02)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _listen(self):
        fed = None
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                self.said.append(self._socket.recv(100).decode())
                fed = None if self.said[-1] == "STOPPING=1" else time.monotonic()
            if fed is not None and time.monotonic() - fed > self._seconds:
                self.kills, fed = self.kills + 1, None


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    started = []

    def start(seconds):
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(round(seconds * 1e6)))
        started.append(Systemd(tmp_path, seconds))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def slow(monkeypatch):
    """Make reading a frame take some seconds."""

    def make(seconds):
        read = Reader.read

        def slowly(reader, *arguments):
            time.sleep(seconds)
            return read(reader, *arguments)

        monkeypatch.setattr(Reader, "read", slowly)

    return make


def texts(done):
    return [json.loads(line).get("text") for line in done.stdout.splitlines()][:-1]


def test_a_frame_that_takes_longer_than_the_watchdogs_time_is_read(run_here, systemd, slow):
    found = systemd(SCALED)
    slow(22 * RATIO)  # what a texture once took, beside the real watchdog's ten seconds
    done = run_here("watch", FAKE, "--seconds", "1", "--json", *READ)
    assert texts(done) == ["123"]
    assert found.kills == 0
    assert found.said.count("WATCHDOG=1") > 3


def test_a_slow_frame_is_reported_with_advice(run_here, slow, monkeypatch):
    monkeypatch.setattr(session, "SLOW_SECONDS", 0.1)
    slow(0.3)
    said = run_here("watch", FAKE, "--seconds", "1", *READ).stderr
    assert said.count("warning: reading a frame took 0 s: select the part with the digits with --roi") == 1


def test_a_hanging_read_stops_the_watchdog_and_ends_the_watch(run_here, systemd, slow, monkeypatch):
    monkeypatch.setattr(session, "LOOK_SECONDS", 0.5)
    exits = []
    monkeypatch.setattr(watch_terminal.atexit, "register", lambda *call: exits.append(call))
    found = systemd(SCALED)
    slow(4)
    done = run_here("watch", FAKE, *READ, code=1)
    assert "error: reading a frame has not finished in 0 s: it hangs" in done.stderr
    assert found.said[-1] == "STOPPING=1"
    assert exits == [(os._exit, 1)], "the thread that hangs is not waited for"


def test_a_texture_does_not_starve_the_watchdog(run_here, systemd, tmp_path):
    """With the real unit's interval: dots, and then a page."""
    random = np.random.default_rng(1)
    dots = (random.random((960, 1280)) < 0.004).astype(np.uint8)
    (tmp_path / "film").mkdir()
    cv2.imwrite(str(tmp_path / "film" / "1.png"), 220 - 160 * cv2.dilate(dots, np.ones((7, 7), np.uint8)))
    cv2.imwrite(str(tmp_path / "film" / "2.png"), draw_page(["20746"], (640, 480), 60, 3).image)
    found = systemd(WATCHDOG_SECONDS)
    done = run_here("watch", "film", "--json", *READ)
    assert texts(done) == ["20746"]
    assert found.kills == 0
    assert found.said[0] == "READY=1"


def test_a_slow_disk_does_not_starve_the_watchdog(run_here, systemd, monkeypatch):
    write = JsonLinesSink.write

    def slowly(sink, reading):
        time.sleep(2 * SCALED)
        write(sink, reading)

    monkeypatch.setattr(JsonLinesSink, "write", slowly)
    found = systemd(SCALED)
    run_here("watch", FAKE, "--seconds", "1", "--to", "jsonl:r.jsonl", *READ)
    assert found.kills == 0


def test_a_signal_ends_a_watch_that_reads_a_slow_frame(run_here, slow, monkeypatch):
    monkeypatch.setattr(watch_terminal.atexit, "register", lambda *call: None)
    slow(4)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    began = time.monotonic()
    run_here("watch", FAKE, *READ, code=143)
    assert time.monotonic() - began < 4, "it waits for the frame"


def test_sigusr1_accepts_the_next_stable_text(run_here, monkeypatch):
    warn = watch_terminal.WatchTerminal.warn

    def ask(screen, line):
        warn(screen, line)
        if "less than 456" in line:
            os.kill(os.getpid(), signal.SIGUSR1)

    monkeypatch.setattr(watch_terminal.WatchTerminal, "warn", ask)
    plan = "fake:digits=456|123,change=1,fps=10,noise=0,width=320,height=240,size=40"
    done = run_here("watch", plan, "--seconds", "1.9", "--only-upward", "--json", "--state", "s", *READ)
    events = [(json.loads(line)["event"], json.loads(line)["text"]) for line in done.stdout.splitlines()[:-1]]
    assert events == [("stable", "456"), ("changed", "123")]


# The call thread


def test_a_call_thread_returns_and_raises_like_the_call():
    worker, calls = CallThread(), []
    assert worker.run(lambda: 7, lambda: calls.append(1), 5, "it") == 7
    with pytest.raises(ZeroDivisionError):
        worker.run(lambda: 1 / 0, lambda: calls.append(1), 5, "it")
    assert calls == []
    assert worker.run(lambda: time.sleep(0.6), lambda: calls.append(1), 5, "it") is None
    assert len(calls) == 2
    assert worker.is_idle(0)
