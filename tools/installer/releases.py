"""The systems that edge-digits is installed on without a network."""

from typing import NamedTuple


class Release(NamedTuple):
    """A Debian release, on which Raspberry Pi OS is based."""

    name: str
    python: str  # its version
    glibc: int  # its minor version: wheels for it and older ones run

    @property
    def pip_options(self) -> list[str]:
        """The options that make pip choose wheels for the release on arm64."""
        options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}"]
        options += [f"--abi=cp{self.python.replace('.', '')}", "--abi=abi3", "--abi=none"]
        # pip does not derive that a system runs the wheels for older ones.
        options += [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, self.glibc + 1)]
        return [*options, "--platform=manylinux2014_aarch64"]


RELEASES = {each.name: each for each in (Release("bookworm", "3.11", 36), Release("trixie", "3.13", 41))}
