"""The memory of a process, as Linux counts it."""

from pathlib import Path


def peak_mib(process: int | str = "self") -> float | None:
    """Return the peak of a process's memory in MiB; None where it is gone, or where Linux does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)
