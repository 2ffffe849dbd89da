"""Builds the wheel and the self-extracting file that installs it without a network."""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.installer.releases import Release

ROOT = Path(__file__).parents[2]
INSTALLER = ROOT / "tools" / "installer" / "install.sh"
REQUIREMENTS = ROOT / "requirements" / "device.txt"
# Bookworm's picamera2 was built for NumPy 1: with --camera the installer takes these.
FOR_CAMERA = {"bookworm": ROOT / "requirements" / "device-camera.txt"}
# In braces: a shell reads all of it before it runs any, so that the beginning of the file alone does nothing.
HEADER = """\
#!/bin/sh
{{ # edge-digits for {target}: sh {name} --help
set -eu
umask 022
for tool in mktemp rm sha256sum tail tar; do
    command -v "$tool" >/dev/null || {{ echo "error: $tool is missing: apt-get install coreutils tar" >&2; exit 1; }}
done
sum=$(tail -n +{lines} "$0" | sha256sum)
if [ "${{sum%% *}}" != {sha256} ]; then
    echo "error: $0 is damaged or not all of it is there: fetch it again" >&2
    exit 1
fi
folder=$(mktemp -d "${{TMPDIR:-/var/tmp}}/edge-digits.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
tail -n +{lines} "$0" | tar -x -f - -C "$folder"
sh "$folder/install.sh" "$@"
exit
}}
"""


def build(release: Release, wheel: Path, out: Path) -> Path:
    """Write one release's file into a folder; returns its path."""
    target = f"aarch64 Python {release.python}"
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder)
        wheels = content / "wheels"
        for requirements in filter(None, (REQUIREMENTS, FOR_CAMERA.get(release.name))):
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
            command += ["--require-hashes", "--no-deps", "--dest", str(wheels), *release.pip_options]
            subprocess.run([*command, "--requirement", str(requirements)], check=True)
        shutil.copy(wheel, content)
        shutil.copy(INSTALLER, content)
        (content / "TARGET").write_text(f"{target}\n")
        version = wheel.name.split("-")[1]
        path = out / f"edge-digits-{version}-{release.name}-arm64.run"
        path.write_bytes(run_file(content, target, path.name))
    return path


def run_file(content: Path, target: str, name: str) -> bytes:
    """Return the script `name` that checks its checksum, unpacks a folder and runs the `install.sh` in it.

    Checksums of the files, `SHA256SUMS`, are written into the folder. target: the system that the script names.
    """
    files = sorted(path for path in content.rglob("*") if path.is_file())
    sums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(content)}\n" for path in files)
    (content / "SHA256SUMS").write_text("".join(sums))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in [*files, content / "SHA256SUMS"]:
            archive.add(path, str(path.relative_to(content)), filter=_plain)
    sha256 = hashlib.sha256(packed.getvalue()).hexdigest()
    header = HEADER.format(target=target, name=name, lines=HEADER.count("\n") + 1, sha256=sha256)
    return header.encode() + packed.getvalue()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Reset owner and time, so that the same files give the same bytes."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def checkout(tree: Path) -> None:
    """Copy the files that git knows, as they are now, into a new folder."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())


def make_wheel(tree: Path, out: Path) -> Path:
    """Build the wheel of a checkout into a folder without wheels; returns its path. Writes to the checkout."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", str(out), str(tree)], check=True)
    (wheel,) = out.glob("edge_digits-*.whl")
    return wheel
