"""`python -m tools.arm64`: tests the wheel on an emulated Raspberry Pi against this machine."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_runtime.synthetic.digits import Light, draw_digit, draw_photograph
from edge_runtime.synthetic.pages import Appearance, draw_page
from tools.arm64.device import try_installer
from tools.arm64.sizes import SMALLEST, installed, parts
from tools.arm64.userland import PROCESSORS, FetchError, Processor, Userland
from tools.installer.build import INSTALLER, build, checkout, make_wheel
from tools.installer.releases import RELEASES

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "proot": "proot",
    "qemu-user-static": "qemu-aarch64-static",
}  # by Debian package
NOT_FETCHED = 75  # EX_TEMPFAIL of sysexits.h
DIGITS = 1000
MOST_MB = 220  # of the package and its dependencies
LEAST_MB = 150  # of the smallest set of packages that reads digits
DELEGATE = b"Created TensorFlow Lite XNNPACK delegate"
# The tests that stand for a device's work: decoding, normalising, bundles, every backend.
SHORT = ("bundles/test_bundle.py", "pages/test_normalise.py", "images/test_resize.py", "backends/test_backends.py")
LONG = (*SHORT, "images/test_image.py", "cli/test_cli.py")
FILES = ("0-like-mnist.png", "1-blue-pen-photo.jpg", "2-red-felt-pen.webp", "3-16-bit-scan.tiff", "9-on-a-note.png")
COMMANDS = {
    "classify": ["classify", "--json", *(f"samples/{name}" for name in FILES)],
    "read": ["read", "--json", "samples/1-blue-pen-photo.jpg", "{page}"],
    "batch-classify": ["batch-classify", "samples", "--jobs", "2", "--output", "{out}/results.csv"],
}
PAGES = (
    (["0123456789", "31415"], (640, 480), 40, Appearance(noise=5)),
    (["27182818"], (640, 480), 60, Appearance(touching=0.9, slope=0.05)),
    (["123", "456"], (1280, 960), 90, Appearance(ruling="squares", fall=0.5, noise=4)),
    (["125", "4081"], (1920, 1080), 70, Appearance(touching=0.5, separators=0.3, shadow=0.4, perspective=0.03)),
    (["1234567890"] * 2, (4056, 3040), 200, Appearance(touching=0.2, fall=0.6, noise=5)),
    (["314", "159"], (700, 300), 45, Appearance(ink=(240, 240, 240), paper=(40, 60, 50), gap=(-0.05, 0.1), texture=6)),
)  # rows, size and digits' height in pixels, look
RESULTS = {"batch-classify": "results.csv"}  # the result of a command whose output contains its duration


def draw_crops() -> Iterator[np.ndarray]:
    """Return drawn digits as crops of many sizes and lights: uint8 (height, width)."""
    random = np.random.default_rng(8)
    for number in range(DIGITS):
        side = int(random.integers(14, 70))
        height, width = side + int(random.integers(4, 20)), side + int(random.integers(4, 20))
        ink, paper = ((40, 30, 30), (225, 230, 235)) if number % 3 else ((235, 230, 225), (60, 50, 40))
        light = Light(float(random.uniform(0, 0.4)), float(number % 4))
        colour = draw_photograph(
            draw_digit(number % 10, number, side, 0.08), (width, height), (2, 2), ink, paper, light
        )
        yield np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)


def draw_pages() -> Iterator[np.ndarray]:
    """Return drawn pages of many sizes, lights and hands, some with touching digits: uint8 (height, width)."""
    for seed, (rows, size, height, look) in enumerate(PAGES):
        colour = draw_page(rows, size, height, seed, look).image
        yield np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)


class Trial:
    """The checks of one run: the results of this machine, and the comparison with each userland."""

    def __init__(self, folder: Path, long: bool) -> None:
        self.folder, self.long = folder, long
        self.failed = 0
        self._began = time.monotonic()
        checkout(folder / "tree")
        self.wheel = make_wheel(folder / "tree", folder)
        given: dict[str, Any] = {f"gray{number}": gray for number, gray in enumerate(draw_crops())}
        given |= {f"page{number}": page for number, page in enumerate(draw_pages())}
        np.savez(folder / "in.npz", **given)
        self.page = folder / "page.png"
        self.page.write_bytes(cv2.imencode(".png", given["page1"])[1].tobytes())
        self.here = folder / "here"
        self._run_here()

    def tell(self, where: str, what: str, well: bool, detail: str = "") -> None:
        """Print the line of one check."""
        self.failed += not well
        spent = time.monotonic() - self._began
        print(f"{spent:6.1f} s  {where:<24}{'ok' if well else 'FAILED':<8}{what:<52}{detail}".rstrip(), flush=True)

    def _run_here(self) -> None:
        self.here.mkdir()
        command = [sys.executable, str(ROOT / "tools" / "arm64" / "checks.py"), str(self.folder / "in.npz")]
        environment = {"PYTHONPATH": str(self.folder / "tree"), "PATH": "/usr/bin:/bin"}
        subprocess.run([*command, str(self.here / "out.npz")], check=True, capture_output=True, env=environment)
        for name, arguments in COMMANDS.items():
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "edge_runtime",
                    *(part.format(out=self.here, page=self.page) for part in arguments),
                ],
                cwd=self.folder / "tree",
                capture_output=True,
                check=True,
            )
            (self.here / name).write_bytes(done.stdout)

    def run(self, userland: Userland, processors: list[Processor]) -> None:
        """Run all checks in one userland, on its processors in parallel."""
        userland.install("--no-deps", str(self.wheel))
        sizes = installed(userland.site)
        size = sum(sizes.values()) / 1e6
        self.tell(userland.release.name, f"installed, at most {MOST_MB} MB", size <= MOST_MB, f"{size:.0f} MB")
        size = sum(sizes[name] for name in SMALLEST) / 1e6
        self.tell(userland.release.name, f"smallest part, at most {LEAST_MB} MB", size <= LEAST_MB, f"{size:.0f} MB")
        with ThreadPoolExecutor(len(processors)) as pool:
            for _ in pool.map(lambda processor: self._run_on(userland, processor), processors):
                pass

    def install(self, userland: Userland, processor: Processor) -> None:
        """Run both installers in a bare system."""
        where = f"{userland.release.name} {processor.board}"
        sample = self.folder / "tree" / "samples" / FILES[3]
        for kind in ("with a network", "without"):
            device = self.folder / f"{where} {kind}".replace(" ", "-")
            device.mkdir()
            if kind == "without":
                installer = build(userland.release, self.wheel, device).name
            else:
                installer = Path(shutil.copy(INSTALLER, Path(shutil.copy(self.wheel, device)).parent)).name

            def tell(what: str, well: bool, said: str, kind: str = kind) -> None:
                self.tell(where, f"{kind}: {what}", well, "" if well else said)

            try_installer(userland, processor, device, installer, sample, tell)

    def _run_on(self, userland: Userland, processor: Processor) -> None:
        where = f"{userland.release.name} {processor.board}"
        there = self.folder / where.replace(" ", "-")
        there.mkdir()
        self._networks(userland, processor, where, there)
        for name, command in COMMANDS.items():
            asked = [
                userland.python,
                "-m",
                "edge_runtime",
                *(part.format(out=there, page=self.page) for part in command),
            ]
            done = userland.run(processor, asked, {self.folder / "tree" / "samples": "/device/samples"}, "/device")
            (there / name).write_bytes(done.stdout)
            file = RESULTS.get(name, name)
            well = done.returncode == 0 and (there / file).read_bytes() == (self.here / file).read_bytes()
            self.tell(where, f"{name}, byte-equal", well, "" if well else _end(done.stderr))
        self._smallest(userland, processor, where)
        tree = self.folder / "tree"
        folders = {tree / name: f"/device/{name}" for name in ("tests", "samples", "pyproject.toml")}
        command = [
            userland.python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile=ci",
            *(f"tests/{name}" for name in (LONG if self.long else SHORT)),
        ]
        done = userland.run(processor, command, folders, "/device", {"EDGE_DIGITS_NO_SKIP": "1"})
        count = re.search(rb"\d+ passed", done.stdout)
        well = done.returncode == 0 and count is not None
        self.tell(where, "device tests", well, count[0].decode() if well and count else _end(done.stdout + done.stderr))

    def _smallest(self, userland: Userland, processor: Processor, where: str) -> None:
        """Read a sample with the smallest set of packages."""
        sample = self.folder / "tree" / "samples" / FILES[3]
        folders = {part: f"/smallest/{part.name}" for part in parts(userland.site, SMALLEST)}
        folders[sample] = "/device/3.tiff"
        command = [userland.python, "-S", "-m", "edge_runtime", "classify", "/device/3.tiff"]
        done = userland.run(processor, command, folders, "/", {"PYTHONPATH": "/smallest"})
        well = done.returncode == 0 and b"    3  " in done.stdout
        self.tell(where, "the smallest part reads", well, "" if well else _end(done.stderr))

    def _networks(self, userland: Userland, processor: Processor, where: str, there: Path) -> None:
        arguments = [f"{self.folder}/in.npz", f"{there}/out.npz"]
        done = userland.run(
            processor, [userland.python, "/arm64/checks.py", *arguments], {ROOT / "tools" / "arm64": "/arm64"}
        )
        if done.returncode != 0:
            self.tell(where, "networks", False, _end(done.stderr))
            return
        self.tell(where, "XNNPACK runs the networks", DELEGATE in done.stderr)
        with np.load(self.here / "out.npz") as mine, np.load(there / "out.npz") as theirs:
            for name in mine.files:
                same = mine[name].shape == theirs[name].shape
                other = int((mine[name] != theirs[name]).sum()) if same else mine[name].size
                detail = f"{other} of {mine[name].size} values differ" if other else f"{mine[name].size:,} values"
                self.tell(where, f"{name}, equal", other == 0, detail)


def _end(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-2000:]


def main() -> int:
    """Run all checks; exit code 0 if all are equal, 1 if not, 75 if a userland cannot be fetched."""
    parser = argparse.ArgumentParser(prog="python -m tools.arm64", description=__doc__)
    parser.add_argument("--release", choices=RELEASES, action="append", help="only these (may be repeated)")
    parser.add_argument(
        "--processor", choices=[each.qemu for each in PROCESSORS], action="append", help="only these (may be repeated)"
    )
    parser.add_argument("--install", action="store_true", help="test the installers, too, on the first processor")
    parser.add_argument("--long", action="store_true", help="more of the package's tests")
    arguments = parser.parse_args()
    missing = False
    if lacking := [package for package, program in PROGRAMS.items() if shutil.which(program) is None]:
        print(f"error: apt-get install --no-install-recommends {' '.join(lacking)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="arm64-") as folder:
        trial = Trial(Path(folder).resolve(), arguments.long)
        for release in arguments.release or RELEASES:
            began = time.monotonic()
            userlands = [Userland(RELEASES[release], bare) for bare in (False, True)[: 1 + arguments.install]]
            try:
                fetched = [userland.prepare() for userland in userlands]
            except FetchError as error:
                print(f"error: {error}", file=sys.stderr)
                missing = True
                continue
            wanted = [each for each in PROCESSORS if each.qemu in (arguments.processor or [each.qemu])]
            trial.run(userlands[0], wanted)
            if arguments.install:
                trial.install(userlands[1], wanted[0])
            print(f"{release}, {'fetched' if any(fetched) else 'cached'}: {time.monotonic() - began:.0f} s", flush=True)
    return 1 if trial.failed else NOT_FETCHED if missing else 0


if __name__ == "__main__":
    sys.exit(main())
