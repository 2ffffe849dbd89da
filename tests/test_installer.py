"""The installer, with a package that does as much as it needs to know of it; `make test-arm64` has the real one."""

import base64
import hashlib
import os
import platform
import subprocess
import sys
import zipfile

import pytest

from installer.build import HEADER, INSTALLER
from tests.conftest import program

PROGRAM = """
import sys
def main():
    if sys.argv[1:2] == ["doctor"]:
        print("doctor of {version}")
        sys.exit({code})
    print("version {version}")
"""


def write_wheel(folder, version, code=0):
    """A wheel named as ours, whose `doctor` ends with `code`."""
    info = f"edge_digits-{version}.dist-info"
    files = {
        "edge_digits_stub.py": PROGRAM.format(version=version, code=code),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: edge-digits\nVersion: {version}\nProvides-Extra: mqtt\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nedge-digits = edge_digits_stub:main\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{name},sha256={digest},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"edge_digits-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


@pytest.fixture
def device(tmp_path):
    """A folder with installers of versions, and a place to install to."""

    class Device:
        prefix, bin = tmp_path / "system" / "opt" / "digits", tmp_path / "system" / "bin"

        def __init__(self):
            (tmp_path / "system").mkdir()

        def folder(self, version=None, code=0):
            folder = tmp_path / f"from-{version}"
            (folder / "wheels").mkdir(parents=True)
            (folder / "install.sh").write_bytes(INSTALLER.read_bytes())
            if version:
                write_wheel(folder, version, code)
            return folder

        def run(self, script, *arguments, code=0, **places):
            """places: other than the device's own; None for none at all."""
            places = {"PREFIX": str(self.prefix), "BIN": str(self.bin), "PYTHON": sys.executable} | places
            environment = os.environ | {name: place for name, place in places.items() if place}
            done = subprocess.run(
                ["sh", script, *arguments], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        def left(self):
            return sorted(path.name for path in (tmp_path / "system").rglob("*"))

        def says(self):
            return subprocess.run([self.bin / "edge-digits"], capture_output=True, text=True, check=True).stdout

    return Device()


def test_the_scripts_are_clean(tmp_path):
    header = tmp_path / "header.sh"
    header.write_text(HEADER.format(target="aarch64", name="x.run", lines=1))
    # Behind the header there is an archive: its `exit` is no mistake.
    command = [program("shellcheck"), "--exclude=SC2317", INSTALLER, header]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_newer_version_takes_the_place_of_an_older_unless_it_fails_and_all_of_it_goes(device):
    assert "doctor of 1.0" in device.run(device.folder("1.0") / "install.sh")
    assert device.says() == "version 1.0\n"
    device.run(device.folder("2.0") / "install.sh")
    assert device.says() == "version 2.0\n"
    (device.prefix / "venv").rename(device.prefix / "venv.old")  # as a loss of power in the midst of the next leaves it
    (device.prefix / "venv").mkdir()
    assert "the version that was there still is" in device.run(device.folder("3.0", 1) / "install.sh", code=1)
    assert device.says() == "version 2.0\n"
    device.run(device.prefix / "install.sh", "--uninstall", PREFIX=None, BIN=None)  # it knows where it lies
    assert device.left() == []
    device.run(device.folder() / "install.sh", "--uninstall", code=1)


def test_what_does_not_work_at_first_leaves_nothing(device):
    assert "error: not installed" in device.run(device.folder("1.0", 1) / "install.sh", code=1)
    assert device.left() == []


def test_what_cannot_be_is_refused_before_anything_is_written(device):
    assert "--uninstall" in device.run(device.folder("1.0") / "install.sh", "--remove", code=1)
    assert "must be beside" in device.run(device.folder() / "install.sh", code=1)
    assert "begin with /" in device.run(device.folder("1.3") / "install.sh", code=1, PREFIX="here")
    other = device.folder("1.1")
    (other / "TARGET").write_text("mips Python 3.11\n")
    assert "this file is for mips" in device.run(other / "install.sh", code=1)
    damaged = device.folder("1.2")
    here = ".".join(platform.python_version_tuple()[:2])
    (damaged / "TARGET").write_text(f"{platform.machine()} Python {here}\n")
    (damaged / "SHA256SUMS").write_text(f"{'0' * 64}  install.sh\n")
    assert "damaged" in device.run(damaged / "install.sh", code=1)
    assert device.left() == []


def test_a_folder_with_something_else_is_left_alone(device):
    device.prefix.mkdir(parents=True)
    (device.prefix / "precious").touch()
    assert "set PREFIX" in device.run(device.folder("1.0") / "install.sh", code=1)
    device.run(device.folder() / "install.sh", "--uninstall", code=1)
    assert device.left() == ["digits", "opt", "precious"]
