"""The installer, with a package that does as much as it needs to know of it; `make test-arm64` has the real one."""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edge_runtime.service.unit import render_unit
from tests.conftest import program
from tools.installer.build import HEADER, INSTALLER, run_file

PROGRAM = """
import sys
def main():
    if sys.argv[1:2] == ["doctor"]:
        print("doctor of {version}")
        sys.exit({code})
    if sys.argv[1:2] == ["service"]:
        sys.exit(print("called:", *sys.argv[1:]))
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


# Makes an environment as a copy of one, which takes a tenth of the time.
QUICK_PYTHON = """\
#!/bin/sh
if [ "$1 $2" != "-m venv" ]; then exec "{python}" "$@"; fi
for environment in "$@"; do :; done
cp -a "{made}" "$environment"
case $* in *--system-site-packages*) sed -i '/^include-system/s/false/true/' "$environment/pyvenv.cfg" ;; esac
"""


@pytest.fixture(scope="module")
def quick_python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    made, python = folder / "made", folder / "python"
    subprocess.run([sys.executable, "-m", "venv", made], check=True)
    python.write_text(QUICK_PYTHON.format(python=sys.executable, made=made))
    python.chmod(0o755)
    return python


@pytest.fixture
def device(tmp_path, quick_python):
    """A folder with installers of versions, a place to install to, and a system with a systemctl that tells all."""

    class Device:
        prefix, bin = tmp_path / "system" / "opt" / "digits", tmp_path / "system" / "bin"
        root, tools = tmp_path / "root", tmp_path / "tools"

        def __init__(self):
            (tmp_path / "system").mkdir()
            (self.root / "run/systemd/system").mkdir(parents=True)
            self.tools.mkdir()
            self.tool("systemctl", 'echo "called: systemctl $*"')
            self.tool("id", "echo 0")

        def tool(self, name, text):
            """A program that the installer finds before any other."""
            (self.tools / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.tools / name).chmod(0o755)

        def service(self, prefix):
            """A service as it is written from an environment: all its files, by what they are."""
            python = prefix / "venv/bin/python"
            files = {
                "unit": self.root / "etc/systemd/system/edge-digits.service",
                "wanted": self.root / "etc/systemd/system/multi-user.target.wants/edge-digits.service",
                "config": self.root / "etc/edge-digits/watch.toml",
                "readings": self.root / "var/lib/private/edge-digits/readings.jsonl",
                "state": self.root / "var/lib/edge-digits",
            }
            for file in files.values():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.unlink(missing_ok=True)
            files["unit"].write_text(render_unit(python, [prefix], Path("/config"), Path("/environment"), "300M"))
            files["wanted"].symlink_to(files["unit"])
            files["config"].touch()
            files["readings"].touch()
            files["state"].symlink_to("private/edge-digits")
            return files

        def folder(self, version=None, code=0):
            folder = tmp_path / f"from-{version}"
            (folder / "wheels").mkdir(parents=True)
            (folder / "install.sh").write_bytes(INSTALLER.read_bytes())
            if version:
                write_wheel(folder, version, code)
            return folder

        def run(self, script, *arguments, code=0, **places):
            """places: other than the device's own; None for none at all."""
            places = {"PREFIX": str(self.prefix), "BIN": str(self.bin), "PYTHON": str(quick_python)} | places
            places |= {"EDGE_DIGITS_ROOT": str(self.root), "PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}"}
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
    header.write_text(HEADER.format(target="aarch64", name="x.run", lines=1, sha256="0" * 64))
    # Behind the header there is an archive: its `exit` is no mistake.
    command = [program("shellcheck"), "--exclude=SC2317", INSTALLER, header]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.long("installs and removes several environments")
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


@pytest.mark.long("real environments with pip in them, where others are copies")
def test_it_makes_a_real_environment(device):
    device.run(device.folder("1.0") / "install.sh", "--camera", code=1, PYTHON=sys.executable)  # there is no picamera2
    device.run(device.folder("2.0") / "install.sh", PYTHON=sys.executable)
    assert device.says() == "version 2.0\n"
    device.run(device.prefix / "install.sh", "--uninstall", PREFIX=None, BIN=None)
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


def called(said):
    """What the installer's programs were called with."""
    return [line.removeprefix("called: ") for line in said.splitlines() if line.startswith("called: ")]


@pytest.mark.long("installs and removes several environments")
def test_a_service_is_renewed_where_it_runs_what_was_installed_and_another_ones_is_left_alone(device, tmp_path):
    elsewhere = tmp_path / "elsewhere" / device.prefix.relative_to("/")
    device.service(elsewhere)
    assert called(device.run(device.folder("1.0") / "install.sh")) == []
    device.service(device.prefix)
    renewed = f"service install --renew --root {device.root}/"
    assert called(device.run(device.folder("2.0") / "install.sh")) == [renewed]
    device.tool("id", "echo 1000")
    said = device.run(device.folder("3.0") / "install.sh")
    assert called(said) == []
    assert f"still runs what was there before: sudo {device.prefix}/venv/bin/edge-digits service install --ren" in said
    assert "with sudo" in device.run(device.prefix / "install.sh", "--uninstall", code=1)
    assert device.says() == "version 3.0\n"
    files = device.service(elsewhere)
    assert called(device.run(device.prefix / "install.sh", "--uninstall")) == []
    assert all(file.exists() for file in files.values())
    assert device.left() == []


@pytest.mark.long("installs and removes several environments")
def test_all_of_it_goes_where_the_system_has_another_python_by_now(device, tmp_path):
    prefix = device.prefix.with_name("5%-of-$HOME")
    device.run(device.folder("1.0") / "install.sh", PREFIX=str(prefix))
    (prefix / "venv/bin/python").unlink()
    (prefix / "venv/bin/python").symlink_to("/usr/bin/python3.0")
    prefix.rename(tmp_path / "kept")
    for options, kept in ((["--keep-data"], ["config", "readings", "state"]), ([], [])):
        shutil.copytree(tmp_path / "kept", prefix, symlinks=True)
        files = device.service(prefix)
        said = device.run(prefix / "install.sh", "--uninstall", *options, PREFIX=None, BIN=None)
        assert called(said) == ["systemctl disable --now edge-digits.service", "systemctl daemon-reload"]
        assert [name for name, file in files.items() if os.path.lexists(file)] == kept
        assert device.left() == []


@pytest.mark.long("installs and removes several environments")
def test_who_has_the_systems_camera_keeps_it(device, tmp_path, monkeypatch):
    (tmp_path / "theirs/picamera2").mkdir(parents=True)
    (tmp_path / "theirs/picamera2/__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "theirs"))
    device.run(device.folder("1.0") / "install.sh", "--camera")
    device.run(device.folder("2.0") / "install.sh")
    assert "include-system-site-packages = true" in (device.prefix / "venv/pyvenv.cfg").read_text()
    assert (device.prefix / "venv/constraints.txt").read_text().startswith("numpy==")


# Systems that lack a program. Those named here are all that the installer could think of.

TOOLS = ("cat", "chmod", "cp", "dirname", "grep", "head", "id", "ln", "ls", "mkdir", "mktemp", "mv", "readlink", "rm")
TOOLS += ("rmdir", "sed", "sha256sum", "sort", "systemctl", "tail", "tar", "touch", "tr", "uname", "wc", "xargs")


@pytest.fixture
def lacking(device, tmp_path):
    """Run the shell where each of `TOOLS` is but one, or none of them is."""

    def run(*command, tools, code, **places):
        folder = tmp_path / "tools-that-are-here"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in tools:
            if found := shutil.which(name, path=f"{device.tools}{os.pathsep}{os.environ['PATH']}"):
                (folder / name).symlink_to(found)
        environment = {"PATH": str(folder), "EDGE_DIGITS_ROOT": str(device.root), "HOME": str(tmp_path)} | places
        done = subprocess.run(["/bin/sh", *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "not found" not in done.stderr
        return done.stdout + done.stderr

    return run


def installed(device):
    """What an installation leaves, as far as its uninstalling looks at it."""
    (device.prefix / "venv" / "bin").mkdir(parents=True)
    (device.prefix / "venv" / "bin" / "edge-digits").touch()
    device.bin.mkdir()
    (device.bin / "edge-digits").symlink_to(device.prefix / "venv" / "bin" / "edge-digits")
    made = [device.prefix, device.prefix.parent, device.bin]
    (device.prefix / ".edge-digits").write_text("".join(f"{folder}\n" for folder in made))
    (device.prefix / ".bin").write_text(f"{device.bin}\n")
    shutil.copy(INSTALLER, device.prefix / "install.sh")


@pytest.mark.long("installs and removes several environments")
@pytest.mark.parametrize("missing", TOOLS)
def test_uninstalling_without_a_program_removes_all_the_same(device, lacking, missing):
    installed(device)
    files = device.service(device.prefix)
    tools = [name for name in TOOLS if name != missing]
    script = device.prefix / "install.sh"
    if missing == "id" and os.geteuid() != 0:  # nothing pretends then that this user is root
        assert "run this with sudo" in lacking(script, "--uninstall", tools=tools, code=1)
        return
    said = lacking(script, "--uninstall", tools=tools, code=0, PYTHON=sys.executable)
    assert device.left() == []
    assert [name for name, file in files.items() if os.path.lexists(file)] == []
    assert (f"error: {missing} is missing" in said) == (missing in ("rm", "systemctl"))
    if missing != "systemctl":
        assert called(said) == ["systemctl disable --now edge-digits.service", "systemctl daemon-reload"]


def test_what_cannot_be_removed_is_named(device, lacking):
    installed(device)
    before = device.left()
    said = lacking(device.prefix / "install.sh", "--uninstall", tools=[], code=1, PYTHON="none")
    assert "error: rm is missing: apt-get install coreutils" in said
    assert f"error: not removed: {device.prefix}\n" in said
    assert device.left() == before


@pytest.mark.parametrize("missing", ["cp", "ln", "mkdir", "mv", "rm", "sha256sum"])
def test_installing_without_a_program_names_it_before_anything_is_written(device, lacking, missing):
    folder = device.folder("1.0")
    here = ".".join(platform.python_version_tuple()[:2])
    (folder / "TARGET").write_text(f"{platform.machine()} Python {here}\n")
    places = {"PREFIX": str(device.prefix), "BIN": str(device.bin), "PYTHON": sys.executable}
    tools = [name for name in TOOLS if name != missing]
    said = lacking(folder / "install.sh", tools=tools, code=1, **places)
    assert said == f"error: {missing} is missing: apt-get install coreutils\n"
    assert device.left() == []


# The file for a device without a network


@pytest.fixture
def packed(tmp_path):
    """A .run file whose installer tells that it ran and with what, and the place that it would unpack to."""
    content = tmp_path / "content"
    (content / "wheels").mkdir(parents=True)
    (content / "wheels" / "x.whl").write_bytes(bytes(range(256)) * 4)
    ran = tmp_path / "ran"
    (content / "install.sh").write_text(f'echo "$@" >>"{ran}"; cat "${{0%/*}}/TARGET"\n')
    (content / "TARGET").write_text("aarch64\n")
    (tmp_path / "unpacked").mkdir()
    return run_file(content, "aarch64", "x.run"), ran, tmp_path / "unpacked"


def start(data, folder, unpacked, **places):
    path = folder / "x.run"
    path.write_bytes(data)
    environment = os.environ | {"TMPDIR": str(unpacked)} | places
    return subprocess.run(["/bin/sh", path, "--camera"], env=environment, capture_output=True, text=True, check=False)


def test_a_whole_file_is_unpacked_run_and_leaves_nothing(packed, tmp_path):
    data, ran, unpacked = packed
    done = start(data, tmp_path, unpacked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "aarch64\n", "")
    assert ran.read_text() == "--camera\n"
    assert list(unpacked.iterdir()) == []


def test_an_unfinished_file_runs_nothing_whatever_its_length(packed, tmp_path):
    data, ran, unpacked = packed
    header = data.index(b"\n}\n") + 3
    lengths = {*range(header + 1), *range(header, len(data), 512), *range(header + 1, len(data), 509), len(data) - 1}
    for length in sorted(lengths):
        done = start(data[:length], tmp_path, unpacked)
        assert not ran.exists(), length
        assert list(unpacked.iterdir()) == [], length
        # The first line alone is an empty script, which no shell complains of.
        assert done.returncode != 0 or length <= len("#!/bin/sh\n"), length
    assert "is damaged or not all of it is there: fetch it again" in done.stderr


def test_a_damaged_file_runs_nothing(packed, tmp_path):
    data, ran, unpacked = packed
    for place in (data.index(b"\n}\n") + 3, len(data) // 2, len(data) - 1):
        done = start(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], tmp_path, unpacked)
        assert done.returncode != 0
        assert not ran.exists()
        assert list(unpacked.iterdir()) == []


@pytest.mark.parametrize("missing", ["mktemp", "rm", "sha256sum", "tail", "tar"])
def test_without_a_program_it_needs_it_names_it_and_runs_nothing(packed, lacking, tmp_path, missing):
    data, ran, unpacked = packed
    (tmp_path / "x.run").write_bytes(data)
    tools = [name for name in TOOLS if name != missing]
    said = lacking(tmp_path / "x.run", tools=tools, code=1, TMPDIR=str(unpacked))
    assert said == f"error: {missing} is missing: apt-get install coreutils tar\n"
    assert not ran.exists()
