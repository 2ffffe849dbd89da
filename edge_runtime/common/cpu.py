"""Processor features and name, from Linux."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

# Features that speed up int8 arithmetic, and bfloat16 in training: x86-64 names first, then arm64.
X86 = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
FEATURES = (*X86, "asimd", "asimddp", "i8mm", "sve")


def features(cpuinfo: Path = CPUINFO) -> list[str]:
    """Return the features in `FEATURES` that the processor has; an empty list if unknown."""
    present = set(_field(cpuinfo, "flags", "Features").split())
    return [feature for feature in FEATURES if feature in present]


def model_name(cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the processor; an empty string if unknown."""
    return _field(cpuinfo, "model name", "Model")


def _field(cpuinfo: Path, *names: str) -> str:
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in names:
            return value.strip()
    return ""
