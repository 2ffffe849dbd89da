"""The systems that edge-digits is installed on without a network."""

from typing import NamedTuple


class Release(NamedTuple):
    """A Debian release, which is also Raspberry Pi OS's."""

    name: str
    python: str  # its version
    glibc: int  # its minor version: wheels for it and older ones run

    @property
    def pip_options(self) -> list[str]:
        """What makes pip of this machine choose wheels for the release on arm64."""
        options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}"]
        options += [f"--abi=cp{self.python.replace('.', '')}", "--abi=abi3", "--abi=none"]
        # pip does not know that a system runs the wheels of all older ones.
        options += [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, self.glibc + 1)]
        return [*options, "--platform=manylinux2014_aarch64"]


RELEASES = {each.name: each for each in (Release("bookworm", "3.11", 36), Release("trixie", "3.13", 41))}
