"""`python -m tools.installer`: builds the installers for a Raspberry Pi with and without a network."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tools.installer.build import INSTALLER, build, checkout, make_wheel
from tools.installer.releases import RELEASES


def main() -> int:
    """Build the installers into a folder, with the wheel and `install.sh` for devices with a network."""
    parser = argparse.ArgumentParser(prog="python -m tools.installer", description=__doc__)
    parser.add_argument("--release", choices=RELEASES, action="append", help="only these (may be repeated)")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="default: dist")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        checkout(Path(folder) / "tree")
        wheel = Path(shutil.copy(make_wheel(Path(folder) / "tree", Path(folder)), out))
    made = [wheel, Path(shutil.copy(INSTALLER, out))]
    made += [build(RELEASES[name], wheel, out) for name in arguments.release or RELEASES]
    for path in made:
        print(f"{path.stat().st_size / 1e6:7.1f} MB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
