"""Installs and removes the files of the service, and controls it through systemctl."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from edge_runtime.common.files import write_whole
from edge_runtime.common.text import read_text
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.limits import CONFIG_BYTES
from edge_runtime.service.unit import NAME, render_unit

SERVICE = f"{NAME}.service"
SECONDS = 620.0  # time limit for systemctl; a start waits for the watch and for hanging backends
LIMIT, MEMORY = "MemoryMax=", "300M"
PROPERTIES = ("ActiveState", "SubState", "MainPID", "NRestarts", "MemoryCurrent", "ActiveEnterTimestamp")
STARTER = """\
# Options of `edge-digits watch` as a service; for all of them see: edge-digits watch --help
# After a change: systemctl restart edge-digits
source = "0"  # /dev/video0; or "picamera2", "rtsp://...", "http://..."
to = ["jsonl:readings.jsonl"]  # in /var/lib/edge-digits, the only folder that the service can write
"""


class Places(NamedTuple):
    """Paths of all files, relative to the root folder of a system."""

    root: Path

    @property
    def unit(self) -> Path:
        """The unit file."""
        return self.root / "etc/systemd/system" / SERVICE

    @property
    def wanted(self) -> Path:
        """The link by which systemd starts an enabled unit with the system."""
        return self.unit.parent / "multi-user.target.wants" / SERVICE

    @property
    def config(self) -> Path:
        """The configuration, readable only by root."""
        return self.root / "etc" / NAME / "watch.toml"

    @property
    def state(self) -> tuple[Path, Path]:
        """The folder that the service writes; systemd makes the first path a link to the second."""
        return self.root / "var/lib" / NAME, self.root / "var/lib/private" / NAME


def install(root: Path, config: Path | None, memory: str | None, renew: bool = False) -> list[str]:
    """Write the unit and the configuration, and start the service; returns lines that say what was done.

    root: root folder of the system; with another one than /, or without systemd, nothing is started. config, memory:
    new values; None keeps the present ones, or writes defaults. renew: keep a stopped or disabled service so. Raises
    FileError, OutputError or UsageError.
    """
    places, lines = Places(root), []
    if renew and not places.unit.exists():
        raise UsageError(f"no service is installed: {places.unit} is missing")
    memory = memory or _read_memory(places.unit)
    text = None if config is None else read_text(config, CONFIG_BYTES)
    if text is not None or not places.config.exists():
        _write(places.config, STARTER if text is None else text, 0o600)
        lines.append(f"configuration written: {places.config}")
    else:
        lines.append(f"configuration kept: {places.config}")
    etc = Path("/etc") / NAME
    # sys.executable is not resolved: the link identifies the virtual environment.
    prefixes = (Path(sys.prefix), Path(sys.base_prefix).resolve(), Path(__file__).resolve().parent.parent.parent)
    _write(
        places.unit,
        render_unit(Path(sys.executable), prefixes, etc / "watch.toml", etc / "environment", memory),
        0o644,
    )
    lines.append(f"unit written: {places.unit}")
    if not _is_running(root):
        lines.append("systemd does not run here: enable the service to start it with the system")
        return lines
    _systemctl("daemon-reload")
    if renew:
        _systemctl("try-restart", SERVICE)
        return [*lines, "the service was restarted if it was running: edge-digits service status"]
    _systemctl("enable", SERVICE)
    _systemctl("restart", SERVICE)
    return [*lines, "the service runs: edge-digits service status; journalctl -u edge-digits"]


def uninstall(root: Path, keep_data: bool) -> list[str]:
    """Stop the service and remove its files; returns lines that say what was done.

    keep_data: keep the configuration and the readings. Raises OutputError.
    """
    places, lines = Places(root), []
    if _is_running(root) and places.unit.exists():
        _systemctl("disable", "--now", SERVICE)
    gone = [places.wanted, places.unit] + ([] if keep_data else [places.config.parent, *places.state])
    for path in gone:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.exists() or path.is_symlink():
                path.unlink()
            else:
                continue
        except OSError as error:
            raise OutputError(_describe_failure(path, error)) from error
        lines.append(f"removed: {path}")
    if _is_running(root):
        _systemctl("daemon-reload")
    return lines or ["nothing was installed"]


def status() -> dict[str, str] | None:
    """Return the `PROPERTIES` of the service from systemd; None if systemd does not run."""
    if not _is_running(Path("/")):
        return None
    lines = _systemctl("show", SERVICE, f"--property={','.join(PROPERTIES)}")
    return dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)


def accept() -> None:
    """Let the running service accept the next stable text; raises OutputError if none runs or it is not permitted."""
    found = status()
    process = int((found or {}).get("MainPID", "0"))
    if process <= 0:
        raise OutputError("the service does not run")
    try:
        os.kill(process, signal.SIGUSR1)
    except OSError as error:
        hint = ": run it with sudo" if isinstance(error, PermissionError) else ""
        raise OutputError(f"the service cannot be signalled ({error.strerror}){hint}") from error


def _read_memory(path: Path) -> str:
    """Return the memory limit of the installed unit, or the default."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    return next((line.removeprefix(LIMIT) for line in lines if line.startswith(LIMIT)), MEMORY)


def _is_running(root: Path) -> bool:
    return root == Path("/") and Path("/run/systemd/system").is_dir()


def _systemctl(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutputError(f"systemctl {arguments[0]} failed: {error}") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise OutputError(f"systemctl {arguments[0]} failed: {reason}")
    return done.stdout


def _write(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode("utf-8"), mode)
    except OSError as error:
        raise OutputError(_describe_failure(path, error)) from error


def _describe_failure(path: Path, error: OSError) -> str:
    hint = ": run it with sudo" if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
    return f"{path} cannot be changed ({error.strerror}){hint}"


def check_memory(text: str) -> str:
    """Return a memory size, at least 64M, in systemd's format; raises UsageError."""
    number, unit_name = text[:-1], text[-1:].upper()
    if not number.isdecimal() or unit_name not in ("M", "G") or int(number) * (1024 if unit_name == "G" else 1) < 64:
        raise UsageError(f"--memory must be a size such as 300M or 1G, at least 64M, not {text!r}")
    return f"{int(number)}{unit_name}"
