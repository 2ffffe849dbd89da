"""`python -m tools.language`: find phrases that the glossary replaces, in Markdown, docstrings and messages."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PHRASES = {  # what is written: what to write
    "what is none": "non-digit",
    "(?<!there )(?-i:is none)": "is a non-digit, is not one",
    "what is no digit": "non-digit",
    "is no digit": "is a non-digit",
    "whoever": "the caller, the user",
    "(is|are|be|was|were) told": "is reported, is logged",
    "fault of ours": "internal error",
    "no picture": "no image",
    "befalls?|befell": "happens to",
    "suffers?": "has, fails",
    "knows nobody": "imports nothing from the package",
    "networks? for lines": "line recogniser",
    "the house": "the project",
    "lets? go of": "releases",
    "mend(s|ed|ing)?": "repair, fix",
    "anew": "again",
    "is deaf|are deaf": "ignores",
}
SKIPPED = ("tools/language.py",)  # quotes them
BANNED = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in PHRASES), re.IGNORECASE)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file with their line numbers: Markdown as a whole, or the strings of Python."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield 1, source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found(path: Path) -> list[str]:
    """Return a line for each banned phrase of a file."""
    return [
        f"{path.relative_to(ROOT)}:{line + text.count(chr(10), 0, match.start())}: {' '.join(match[0].split())!r}"
        for line, text in texts(path)
        for match in BANNED.finditer(text)
    ]


def main() -> int:
    """Print what is to be rewritten; returns 1 if there is something, else 0."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / name for name in sorted(filter(None, names.split("\0"))) if name not in SKIPPED]
    hits = [line for path in paths if path.is_file() for line in found(path)]
    print("\n".join(hits), end="\n" if hits else "")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
