"""The service: notifications to systemd over a real socket, and the installed files."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from edge_runtime.backends import KINDS
from edge_runtime.bundles.bundle import load_bundle, load_line_bundle
from edge_runtime.limits import SELF_TEST_SECONDS
from edge_runtime.service.install import install
from edge_runtime.service.notify import Notifier
from edge_runtime.service.unit import WATCHDOG_SECONDS, render_unit
from tests.conftest import ROOT, program

LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))
WATCHDOG = WATCHDOG_SECONDS if LONG else 3  # seconds
START_SECONDS = 60  # that a busy machine may take to start Python and load a network
UNIT = "etc/systemd/system/edge-digits.service"
CONFIG = "etc/edge-digits/watch.toml"


@contextlib.contextmanager
def listening(address):
    """A socket as systemd has one; `address` may begin with NUL, for a name without a file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(START_SECONDS)
        yield listener


def environment(path, watchdog=WATCHDOG):
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "NOTIFY_SOCKET": str(path),
        "WATCHDOG_USEC": str(round(watchdog * 1e6)),
    }


def watch(source, *arguments):
    return [sys.executable, "-m", "edge_runtime", "watch", source, "--backend", "fake", *arguments]


def test_a_watch_is_ready_makes_progress_and_ends(tmp_path):
    path = tmp_path / "notify"
    with listening(str(path)) as listener:
        command = watch("fake:digits=123,fps=20", "--seconds", "3")
        # Linux keeps ten datagrams that nobody has taken yet: a half of a second between them.
        subprocess.run(command, env=environment(path, 2), cwd=tmp_path, check=True, capture_output=True, timeout=120)
        listener.setblocking(False)
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(listener.recv(100).decode())
    assert messages[0] == "READY=1"
    assert messages[-1] == "STOPPING=1"
    assert set(messages[1:-1]) == {"WATCHDOG=1"}
    assert 3 <= len(messages[1:-1]) <= 7  # no more than each half of a second


def test_an_abstract_socket_is_reached_and_an_absent_one_costs_nothing(tmp_path):
    name = f"edge-digits-{os.getpid()}"
    with listening(f"\0{name}") as listener:
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert listener.recv(100) == b"READY=1"
    for variables in ({}, {"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "5"}, {"WATCHDOG_USEC": "many"}):
        notifier = Notifier(variables)
        notifier.ready()
        notifier.progress()
        notifier.stopping()


def test_another_processs_watchdog_is_not_fed(tmp_path):
    with listening(str(tmp_path / "notify")) as listener:
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000"}
        Notifier(variables | {"WATCHDOG_PID": str(os.getpid() + 1)}).progress()
        Notifier(variables | {"WATCHDOG_PID": str(os.getpid())}).progress()
        assert listener.recv(100) == b"WATCHDOG=1"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.recv(100)


def test_a_camera_that_is_away_is_no_reason_to_be_killed(tmp_path):
    path = tmp_path / "notify"
    with listening(str(path)) as listener:
        process = subprocess.Popen(
            watch("fake:digits=5,fault=disconnect@0.2+60", "--wait"),
            env=environment(path, 2),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert listener.recv(100) == b"READY=1"
            until = time.monotonic() + 3
            while time.monotonic() < until:
                assert listener.recv(100) == b"WATCHDOG=1"
        finally:
            process.kill()
            process.wait()


class Supervisor:
    """Does with a service what systemd does for Type=notify, WatchdogSec, WatchdogSignal=SIGKILL, Restart=always."""

    def __init__(self, listener, start):
        self._listener, self._start = listener, start
        self._listener.settimeout(0.1)
        self._fed = None  # nobody is watched before READY=1
        self.process = start()
        self.restarts = []  # monotonic times

    def wait_for(self, message, within):
        """Guard the service until it says `message`; a silence of the watchdog's time kills and restarts it."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            try:
                said = self._listener.recv(100).decode()
            except TimeoutError:
                said = ""
            if said == "READY=1" or (said and self._fed is not None):
                self._fed = time.monotonic()
            if said == message:
                return
            if self._fed is not None and time.monotonic() - self._fed > WATCHDOG:
                self.process.kill()
                self.process.wait()
                self.process, self._fed = self._start(), None
                self.restarts.append(time.monotonic())
        raise AssertionError(f"no {message} within {within} s")


def test_a_stopped_process_is_killed_and_started_again(tmp_path):
    """With a shorter watchdog than the unit's, unless EDGE_DIGITS_LONG=1."""
    path = tmp_path / "notify"

    def start():
        return subprocess.Popen(
            watch("fake:digits=5"),
            env=environment(path),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    with listening(str(path)) as listener:
        supervisor = Supervisor(listener, start)
        try:
            supervisor.wait_for("READY=1", START_SECONDS)
            supervisor.wait_for("WATCHDOG=1", START_SECONDS)
            before = len(supervisor.restarts)
            first = supervisor.process.pid
            os.kill(first, signal.SIGSTOP)
            stopped = time.monotonic()
            supervisor.wait_for("READY=1", START_SECONDS)
            assert supervisor.process.pid != first
            assert supervisor.restarts[before] - stopped < 15
        finally:
            supervisor.process.kill()
            supervisor.process.wait()


def test_installing_twice_keeps_the_configuration_and_uninstalling_leaves_nothing(run_here, tmp_path):
    root, mine = tmp_path / "root", tmp_path / "mine.toml"
    root.mkdir()
    run_here("service", "install", "--root", root)
    assert stat.S_IMODE((root / CONFIG).stat().st_mode) == 0o600
    mine.write_text('source = "rtsp://camera.local/stream"\n')
    run_here("service", "install", "--root", root, "--config", mine)
    said = run_here("service", "install", "--root", root, "--memory", "1g").stdout
    assert "configuration kept" in said
    assert (root / CONFIG).read_text() == mine.read_text()
    assert "MemoryMax=1G\n" in (root / UNIT).read_text()
    run_here("service", "uninstall", "--root", root, "--keep-data")
    assert not (root / UNIT).exists()
    assert (root / CONFIG).exists()
    run_here("service", "install", "--root", root)
    wanted = root / "etc/systemd/system/multi-user.target.wants/edge-digits.service"
    wanted.parent.mkdir()
    wanted.symlink_to("/etc/systemd/system/edge-digits.service")  # as `systemctl --root enable` does
    (root / "var/lib/edge-digits").mkdir(parents=True)
    (root / "var/lib/edge-digits/readings.jsonl").write_text("{}\n")
    run_here("service", "uninstall", "--root", root, "--yes")
    assert [path for path in root.rglob("*") if not path.is_dir()] == []
    assert not (root / "etc/edge-digits").exists()
    assert "nothing was installed" in run_here("service", "uninstall", "--root", root, "--yes").stdout


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_answering_no_changes_nothing(run_here, tmp_path, answer):
    run_here("service", "install", "--root", tmp_path)
    told = run_here("service", "uninstall", "--root", tmp_path, given=answer, code=1).stderr
    assert told.endswith("nothing was changed\n")
    assert "interrupted" not in told
    assert (tmp_path / UNIT).exists()
    run_here("service", "uninstall", "--root", tmp_path, given="y\n")
    assert not (tmp_path / UNIT).exists()


def test_the_first_configuration_is_one_that_watch_takes(run_here, tmp_path):
    (tmp_path / "root").mkdir()
    run_here("service", "install", "--root", tmp_path / "root")
    text = (tmp_path / "root" / CONFIG).read_text().replace('"0"', '"fake:digits=5"')
    (tmp_path / "watch.toml").write_text(text)
    run_here("watch", "--wait", "--config", "watch.toml", "--backend", "fake", "--seconds", "0.5")
    assert (tmp_path / "readings.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "code"), [("sorce = '0'", 2), ("source =", 2), ("digits = 5", 2), ("source = 'not-there-yet.mp4'", 1)]
)
def test_a_service_with_an_invalid_configuration_is_not_restarted(run_here, tmp_path, text, code):
    run_here("service", "install", "--root", tmp_path)
    lines = (tmp_path / UNIT).read_text().splitlines()
    (codes,) = (line.partition("=")[2].split() for line in lines if line.startswith("RestartPreventExitStatus="))
    assert "Restart=always" in lines
    (tmp_path / "watch.toml").write_text(text)
    run_here("watch", "--wait", "--config", "watch.toml", code=code)
    assert (str(code) in codes) == (code == 2)


def test_a_service_may_start_where_all_backends_hang(run_here, tmp_path):
    run_here("service", "install", "--root", tmp_path)
    lines = (tmp_path / UNIT).read_text().splitlines()
    (seconds,) = (float(line.partition("=")[2]) for line in lines if line.startswith("TimeoutStartSec="))
    tried = [name for name, kind in KINDS.items() if kind.library]
    assert len(tried) * len([load_bundle(), load_line_bundle()]) * SELF_TEST_SECONDS + START_SECONDS < seconds


def test_a_service_that_is_stopped_has_not_failed(run_here, tmp_path):
    run_here("service", "install", "--root", tmp_path)
    path = tmp_path / "notify"
    with (
        listening(str(path)) as listener,
        subprocess.Popen(watch("fake:digits=5"), env=environment(path), stderr=subprocess.DEVNULL) as process,
    ):
        assert listener.recv(100) == b"READY=1"
        process.terminate()
    assert f"SuccessExitStatus={process.returncode}" in (tmp_path / UNIT).read_text().splitlines()


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A system that systemd runs: a systemctl that writes down what it was called with, and returns that."""
    (tmp_path / "bin").mkdir()
    script, calls = tmp_path / "bin/systemctl", tmp_path / "calls"
    script.write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr("edge_runtime.service.install._is_running", lambda root: True)
    return lambda: calls.read_text().splitlines()


def test_a_renewed_service_is_started_only_if_it_ran(tmp_path, systemctl):
    install(tmp_path, None, None)
    started = ["daemon-reload", "enable edge-digits.service", "restart edge-digits.service"]
    assert systemctl() == started
    (tmp_path / UNIT).write_text("MemoryMax=200M\n")
    install(tmp_path, None, None, renew=True)
    assert systemctl() == [*started, "daemon-reload", "try-restart edge-digits.service"]
    assert "MemoryMax=200M\nTasksMax=" in (tmp_path / UNIT).read_text()


def test_the_running_service_is_asked_to_accept_what_its_meter_shows(run_here, tmp_path, systemctl):
    code = "import signal; signal.pthread_sigmask(0, {10}); print('up', flush=True); print(signal.sigwait({10}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        (tmp_path / "bin/systemctl").write_text(f"#!/bin/sh\necho MainPID={process.pid}\n")
        assert "is accepted" in run_here("service", "accept").stdout
        assert "10" in process.communicate(timeout=60)[0]
    for pid, reason in ((0, "the service does not run"), (process.pid, "No such process")):
        (tmp_path / "bin/systemctl").write_text(f"#!/bin/sh\necho MainPID={pid}\n")
        assert reason in run_here("service", "accept", code=1).stderr


def test_a_missing_service_is_not_renewed(run_here, tmp_path):
    assert "no service is installed" in run_here("service", "install", "--renew", "--root", tmp_path, code=2).stderr
    assert not (tmp_path / "etc").exists()


def test_a_renewed_unit_keeps_its_memory_limit(run_here, tmp_path):
    for options in (["--memory", "500M"], []):
        run_here("service", "install", "--root", tmp_path, *options)
        assert "MemoryMax=500M\n" in (tmp_path / "etc/systemd/system/edge-digits.service").read_text()


@pytest.mark.parametrize(
    ("text", "reason"), [("sorce = '0'", "did you mean 'source'?"), ("source =", "is not valid TOML")]
)
def test_an_invalid_configuration_does_not_replace_the_present_one(run_here, tmp_path, text, reason):
    run_here("service", "install", "--root", tmp_path / "root")
    kept = (tmp_path / "root/etc/edge-digits/watch.toml").read_text()
    (tmp_path / "bad.toml").write_text(text)
    assert reason in run_here("service", "install", "--root", tmp_path / "root", "--config", "bad.toml", code=2).stderr
    assert (tmp_path / "root/etc/edge-digits/watch.toml").read_text() == kept


@pytest.mark.parametrize("size", ["300", "M", "-5M", "63M", "1T", "300M\nUser=root"])
def test_an_invalid_memory_size_is_refused(run_here, tmp_path, size):
    assert "--memory" in run_here("service", "install", "--root", tmp_path, "--memory", size, code=2).stderr
    assert not (tmp_path / "etc").exists()


def test_files_that_cannot_be_read_or_written_are_reported_in_one_line(run_here, tmp_path):
    run_here("service", "install", "--root", tmp_path, "--config", tmp_path / "none.toml", code=1)
    (tmp_path / "etc").write_text("a file")
    assert "cannot be changed" in run_here("service", "install", "--root", tmp_path, code=1).stderr


def test_systemd_verifies_the_unit_and_rates_it_secure(run_here, tmp_path):
    analyze = program("systemd")
    run_here("service", "install", "--root", tmp_path)
    verify = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / UNIT], capture_output=True, text=True, check=False
    )
    assert (verify.returncode, verify.stdout, verify.stderr) == (0, "", "")
    command = [analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", tmp_path / UNIT]
    tight = subprocess.run(command, capture_output=True, text=True, check=False)  # tenths: at most 2.0
    assert tight.returncode == 0, tight.stdout
    assert "Overall exposure level" in tight.stdout


def test_systemd_finds_an_environment_whatever_its_name(tmp_path):
    """As systemd itself reads the unit: it looks for the program. Paths that are shown to the service are the same."""
    analyze = program("systemd")
    place = tmp_path / "5 $ a $USER, 20 %h; all"
    venv.create(place / "venv", symlinks=True)
    command = [place / "venv/bin/python", "-m", "edge_runtime", "service", "install", "--root", tmp_path]
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, check=True, capture_output=True)
    verify = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / UNIT], capture_output=True, text=True, check=False
    )
    assert (verify.returncode, verify.stderr) == (0, "")
    python = Path("/home/me/5 $ %h/bin/python")
    lines = render_unit(python, [python.parent], Path("/c"), Path("/e"), "300M").splitlines()
    shown = next(line.partition("=")[2] for line in lines if line.startswith("BindReadOnlyPaths="))
    started = next(line.partition("=")[2] for line in lines if line.startswith("ExecStart="))
    assert shown == '"/home/me/5 $ %%h/bin"'
    assert started.startswith(shown[:-1] + "/python")


def test_digits_are_read_where_no_memory_may_become_code():
    """As under the unit's MemoryDenyWriteExecute, by Linux' own PR_SET_MDWE (prctl(2)) where the kernel has it."""
    code = """
import ctypes, sys
if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0) != 0:
    print("not known to this kernel")
    sys.exit(0)
from edge_runtime.cli.commands import edge_digits
edge_digits.main(["classify", "samples/3-16-bit-scan.tiff"], standalone_mode=False)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "samples/3-16-bit-scan.tiff" in done.stdout or "not known" in done.stdout
