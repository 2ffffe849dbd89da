"""Tests the installers on a device: first installation, update, and complete removal."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.arm64.userland import Processor, Userland

CONFIG = 'source = "fake:digits=5"\n'
COMMAND = "/usr/local/bin/edge-digits"
# Where pip finds its packages on this machine, for a device with a network.
NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs", "/etc/pip.conf")

Tell = Callable[[str, bool, str], None]  # what was checked, whether it is right, and the output


def try_installer(
    userland: Userland, processor: Processor, folder: Path, installer: str, sample: Path, tell: Tell
) -> None:
    """Install, install again, and uninstall.

    folder: has the installer, a `.run` file, which gets no network, or `install.sh`. sample: an image of a 3.
    """
    network = installer == "install.sh"

    def run(*command: str) -> "subprocess.CompletedProcess[bytes]":
        folders = {folder: "/device", sample.parent: "/samples"}
        folders |= {Path(path): path for path in NETWORK if network and Path(path).exists()}
        environment = {name: value for name, value in os.environ.items() if network and name.startswith("PIP_")}
        return userland.run(processor, command, folders, "/device", environment, network)

    run("/bin/mkdir", "-p", "/etc/systemd/system")  # which a device has; also creates the mount points
    before = set(_files(userland.root))
    try:
        done = run("/bin/sh", installer)
        tell("installed", done.returncode == 0 and b"What to do next" in done.stdout, _said(done))
        done = run(COMMAND, "classify", f"/samples/{sample.name}")
        tell("reads an image", done.returncode == 0 and b"    3  " in done.stdout, _said(done))
        done = run(COMMAND, "service", "install")
        config = userland.root / "etc/edge-digits/watch.toml"
        tell("service written", done.returncode == 0 and config.exists(), _said(done))
        if config.exists():
            config.write_text(CONFIG)
        done = run("/bin/sh", installer)
        kept = config.exists() and config.read_text() == CONFIG
        tell("installed again, configuration kept", done.returncode == 0 and kept, _said(done))
        done = run("/bin/sh", "/opt/edge-digits/install.sh", "--uninstall")
        left = sorted(set(_files(userland.root)) - before)
        tell("uninstalled, nothing left", done.returncode == 0 and not left, f"{_said(done)} {left[:5]}")
    finally:
        for name in sorted(set(_files(userland.root)) - before, reverse=True):
            path = userland.root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _files(root: Path) -> Iterator[str]:
    """Return all files and folders of a system except those of this machine."""
    for name in sorted(path.name for path in root.iterdir()):
        if name not in ("proc", "sys", "dev", "tmp"):
            yield name
            yield from (str(path.relative_to(root)) for path in (root / name).rglob("*"))


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    return (done.stdout + done.stderr).decode(errors="replace").strip()[-1500:]
