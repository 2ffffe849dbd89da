"""The memory of a process, from Linux."""

from pathlib import Path


def peak_mib(process: int | str = "self") -> float | None:
    """Return the peak memory of a process in MiB; None if it has ended or the value is unavailable."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)
