"""A Debian system for arm64 in a folder, whose programs run under qemu-user in proot: no root, no kernel module.

proot lets programs of the system start others. qemu gets a processor and a matching `/proc/cpuinfo`, since libraries
choose their kernels by it. `-cpu max` is never used: qemu 7.2 computes int8 products wrongly there.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools.installer.releases import Release

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "arm64.txt"
TRIES = 3  # a mirror can fail while it is being updated
RECIPE = 1  # incremented when this file installs something else
DEBIAN = ("base-files", "dash", "libstdc++6", "libgcc-s1", "zlib1g", "python{0}-minimal", "libpython{0}-stdlib")
# What a Raspberry Pi's system has that the installer uses.
DEVICE = (*DEBIAN, "coreutils", "grep", "mawk", "tar", "libacl1", "libselinux1", "python3-minimal", "python{0}-venv")
SECONDS = 600  # time limit of a program of the system
# If a signal ends a program after one of its threads has ended, proot returns 0. With a shell, it returns an error.
SHELL = ("/bin/sh", "-c", '"$@"; exit $?', "sh")
SIGNAL = 128  # a shell's exit code is this plus the signal
CRASHES = 2  # qemu 7.2 can crash in programs with several threads: a program is given up after so many crashes
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-digits" / "arm64"


class Processor(NamedTuple):
    """A processor that qemu emulates, and its entry in /proc/cpuinfo."""

    qemu: str
    board: str
    features: str
    variant: str
    part: str
    revision: int


PROCESSORS = (
    Processor("cortex-a72", "Raspberry Pi 4", "fp asimd evtstrm crc32 cpuid", "0x0", "0xd08", 3),
    Processor(
        "cortex-a76",
        "Raspberry Pi 5",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
        "0x4",
        "0xd0b",
        1,
    ),
)


class FetchError(Exception):
    """The system cannot be fetched: no network, or no mirror that answers."""


class Userland:
    """One Debian release, built once and kept in the user's cache."""

    def __init__(self, release: Release, bare: bool = False) -> None:
        """bare: like a new device, without what the tests need."""
        self.release, self.bare = release, bare
        content = (DEVICE,) if bare else (DEBIAN, REQUIREMENTS.read_text())
        key = hashlib.sha256(f"{RECIPE} {release} {content}".encode()).hexdigest()[:16]
        self.root = CACHE / f"{self._kind}-{key}"
        self.python = f"/usr/bin/python{release.python}"

    @property
    def _kind(self) -> str:
        return self.release.name + ("-bare" if self.bare else "")

    @property
    def site(self) -> Path:
        """The folder where pip installs packages in the system."""
        return self.root / "usr" / "local" / "lib" / f"python{self.release.python}" / "dist-packages"

    def prepare(self) -> bool:
        """Build the system unless it exists; returns whether it was built. Raises FetchError."""
        if self.root.is_dir():
            return False
        self.root.parent.mkdir(parents=True, exist_ok=True)
        for old in self.root.parent.glob(f"{self._kind}-{'[0-9a-f]' * 16}"):
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=self.root.parent, prefix="new-") as folder:
            new = Userland(self.release, self.bare)
            new.root = Path(folder) / "root"
            new._unpack()
            if self.bare:  # the installation of ca-certificates, which is not run, would make it; trixie's pip needs it
                (new.root / CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path("/") / CERTIFICATES, new.root / CERTIFICATES)
            else:
                new.install("--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS))
            new.root.rename(self.root)
        return True

    def _unpack(self) -> None:
        packages = [package.format(self.release.python) for package in (DEVICE if self.bare else DEBIAN)]
        said = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=True,
        )
        if not said.stdout.strip():
            raise FetchError("apt has no Debian mirror: /etc/apt/sources.list")
        mirror = said.stdout.split()[0]
        command = ["mmdebstrap", "--quiet", "--arch=arm64", "--variant=extract", f"--include={','.join(packages)}"]
        command += [self.release.name, str(self.root), f"deb {mirror} {self.release.name} main"]
        for _ in range(TRIES):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                shell = self.root / "bin" / "sh"
                if not shell.exists():
                    shell.symlink_to("dash")
                return
            shutil.rmtree(self.root, ignore_errors=True)
        raise FetchError(f"Debian {self.release.name} for arm64: {(done.stderr.strip().splitlines() or ['?'])[-1]}")

    def install(self, *arguments: str) -> None:
        """Install arm64 wheels into the system with this machine's pip."""
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
        command += ["--upgrade", "--target", str(self.site), *self.release.pip_options, *arguments]
        subprocess.run(command, check=True)

    def run(
        self,
        processor: Processor,
        command: Sequence[str],
        folders: dict[Path, str],
        cwd: str = "/",
        environment: dict[str, str] | None = None,
        network: bool = True,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a program of the system; once more, with a message, if a signal ends it.

        folders: of this machine, and their paths there. network: allow access.
        """
        for left in reversed(range(CRASHES)):
            done = self._run_once(processor, command, folders, cwd, environment or {}, network)
            if done.returncode <= SIGNAL or not left:
                break
            print(f"signal {done.returncode - SIGNAL} ended {' '.join(command[:3])}: trying again", flush=True)
        return done

    def _run_once(
        self,
        processor: Processor,
        command: Sequence[str],
        folders: dict[Path, str],
        cwd: str,
        environment: dict[str, str],
        network: bool,
    ) -> "subprocess.CompletedProcess[bytes]":
        with tempfile.NamedTemporaryFile("w", prefix="cpuinfo-") as file:
            file.write(cpuinfo(processor))
            file.flush()
            # /sys too: without it XNNPACK finds no processor and other kernels run, silently.
            binds = ["/proc", "/sys", "/dev", "/tmp", f"{file.name}:/proc/cpuinfo"]
            binds += [f"{here}:{there}" for here, there in folders.items()]
            proot = [] if network else ["unshare", "--map-root-user", "--net"]
            proot += ["proot", "-q", "qemu-aarch64-static", "-r", str(self.root), "-w", cwd]
            proot += [part for bind in binds for part in ("-b", bind)]
            clean = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "QEMU_CPU": processor.qemu}
            clean |= {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "QEMU_UNAME": "6.12.0"} | environment
            pipe = subprocess.PIPE
            with subprocess.Popen(
                [*proot, *SHELL, *command], env=clean, stdout=pipe, stderr=pipe, start_new_session=True
            ) as run:
                try:
                    said, errors = run.communicate(timeout=SECONDS)
                except BaseException as stop:
                    os.killpg(run.pid, signal.SIGKILL)  # killing proot alone would leave its children
                    if not isinstance(stop, subprocess.TimeoutExpired):
                        raise
                    said, errors = run.communicate()
                    errors += f"\nno end within {SECONDS} s".encode()
            return subprocess.CompletedProcess(list(command), run.returncode, said, errors)


def cpuinfo(processor: Processor) -> str:
    """Return /proc/cpuinfo of four such cores."""
    return "".join(
        f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {processor.features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: {processor.variant}\nCPU part\t: {processor.part}\n"
        f"CPU revision\t: {processor.revision}\n\n"
        for core in range(4)
    )
