"""The documentation is complete, its links lead somewhere, and its site builds without the network."""

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module

import click
import pytest

import edge_runtime
from benchmarks.__main__ import benchmarks
from edge_runtime.decide import Reason
from edge_runtime.find.blobs import DropReason
from edge_runtime.types import Command, Event, Status
from tests.conftest import ROOT
from tests.schemas import FOLDER, schema
from tools import language
from tools.reference import commands, pages, python

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
OTHERS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "examples" / "README.md",
    ROOT / "benchmarks" / "results" / "README.md",
]


def text(path):
    return path.read_text(encoding="utf-8")


def anchors(markdown):
    """The anchors of a page's headings, as MkDocs and GitHub make them of ours."""
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        found.add(re.sub(r"[\s-]+", "-", words).strip("-"))
    return found


def test_the_generated_pages_are_up_to_date():
    for path, wanted in pages().items():
        assert text(path) == wanted, f"{path.name}: python -m tools.reference"


def test_every_command_and_option_is_documented():
    page = text(DOCS / "reference" / "cli.md")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for name, program in commands.PROGRAMS:
        for context in commands.walk(program, name):
            section = sections[context.command_path]
            for parameter in context.command.get_params(context):
                if isinstance(parameter, click.Option) and not parameter.hidden:
                    for option in parameter.opts:
                        assert re.search(rf"`[^`\n]*{re.escape(option)}\b[^`\n]*`: \S", section), (name, option)


def test_every_public_name_is_documented():
    documented = python.documented()
    short = {name.rpartition(".")[2] for name in documented}
    assert set(edge_runtime.__all__) - {"__version__"} <= short
    assert "`edge_runtime.__version__`" in text(DOCS / "tutorials" / "embed-in-python.md")
    for name in documented:
        module, _, name = name.rpartition(".")
        assert getattr(import_module(module), name).__doc__, name
    errors = {name for name, each in vars(import_module("edge_runtime.errors")).items() if isinstance(each, type)}
    assert errors <= short


def python_sources():
    """The Python of the documentation: code blocks of pages and the examples."""
    for page in (ROOT / "README.md", *(DOCS / "tutorials").glob("*.md")):
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)):
            yield f"{page.name}, block {number + 1}", block
    for script in sorted((ROOT / "examples").glob("*.py")):
        yield script.name, text(script)


def test_what_the_guides_import_exists_and_is_documented():
    short = {name.rpartition(".")[2] for name in python.documented()}
    seen = 0
    for where, source in python_sources():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "edge_runtime":
                for alias in node.names:
                    seen += 1
                    assert hasattr(import_module(node.module), alias.name), (where, alias.name)
                    assert alias.name in short, (where, alias.name)
    assert seen > 20


@pytest.mark.parametrize(
    ("page", "codes"),
    [
        ("reasons", Status),
        ("reasons", Reason),
        ("reasons", DropReason),
        ("watch", Event),
        ("watch", Command),
    ],
)
def test_every_code_is_documented(page, codes):
    written = text(DOCS / "reference" / f"{page}.md")
    for code in codes:
        assert f"`{code.value}`" in written, code


def test_reasons_are_told_apart():
    page = text(DOCS / "reference" / "reasons.md")
    rejected = page.partition("## Rejected digits")[2].partition("\n## ")[0]
    dropped = page.partition("## Dropped marks")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", rejected, re.MULTILINE) == [each.value for each in Reason]
    assert re.findall(r"^\| `([\w-]+)` \|", dropped, re.MULTILINE) == [each.value for each in DropReason]


def test_every_link_and_anchor_leads_somewhere():
    for page in [*PAGES, *OTHERS]:
        for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
            if link.startswith(("http:", "https:")):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), (page.name, link)
            if anchor:
                assert anchor in anchors(text(target)), (page.name, link)


def test_every_file_that_is_named_is_there():
    folders = "edge_runtime|train|export|benchmarks|tools|tests|samples|examples|requirements|docs"
    for page in [*PAGES, *OTHERS]:
        for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", text(page)):
            assert (ROOT / name).exists(), (page.name, name)


def test_the_readme_is_short_and_begins_with_the_installation():
    readme = text(ROOT / "README.md")
    assert 6000 <= len(readme.encode()) <= 8192
    lines = readme.splitlines()
    assert next(number for number, line in enumerate(lines, 1) if line.startswith("pip install")) < 40


def test_the_changelog_has_the_version_that_is_built():
    version = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", text(ROOT / "CHANGELOG.md"), re.MULTILINE)


def test_the_wording_is_that_of_the_glossary():
    assert language.main() == 0


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = list(tmp_path.rglob("*.html"))
    assert len(built) >= len(PAGES)
    loaded = r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*\shref=\"?(?:https?:)?//"
    for page in built:
        assert not re.search(loaded, text(page)), page.name
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", text(style)), style.name


# JSON


def test_read_prints_what_its_schema_says(run_here, tmp_path):
    page, blank = ROOT / "examples" / "page.jpg", ROOT / "samples" / "blank-paper.jpg"
    (tmp_path / "broken.png").write_bytes(b"no image")
    done = run_here("read", "--json", page, blank, "broken.png", code=1)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [bool(each.get("text")) for each in lines] == [True, False, False]
    assert lines[0]["dropped"]
    assert "error" in lines[2]
    for each in lines:
        schema("page-v2").validate(each)


def test_classify_and_a_batch_print_what_their_schema_says(run_here, tmp_path):
    samples = [ROOT / "samples" / name for name in ("0-like-mnist.png", "blank-paper.jpg")]
    lines = run_here("classify", "--json", *samples).stdout.splitlines()
    run_here("batch-classify", ROOT / "samples", "--output", "rows.jsonl", "--jobs", "1")
    run_here("batch-classify", ROOT / "samples", "--output", "texts.jsonl", "--jobs", "1", "--mode", "read")
    lines += (tmp_path / "rows.jsonl").read_text().splitlines() + (tmp_path / "texts.jsonl").read_text().splitlines()
    assert len(lines) == 2 + 11 + 11
    for line in lines:
        schema("row-v1").validate(json.loads(line))


def test_watch_prints_what_its_schemas_say(run_here):
    source = "fake:digits=123,width=320,height=240,size=40,fps=15"
    done = run_here("watch", source, "--seconds", "2", "--stable", "1", "--json", "--backend", "litert")
    *readings, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert readings
    for each in readings:
        schema("reading-v1").validate(each)
    schema("summary-v1").validate(summary)


def test_manifests_are_what_their_schema_says():
    manifests = [*(ROOT / "edge_runtime" / "models").glob("*/manifest.json")]
    manifests += [ROOT / "edge_runtime" / name / "manifest.json" for name in ("line_model", "page_model")]
    assert len(manifests) == 6
    for path in manifests:
        schema("manifest-v2").validate(json.loads(text(path)))


def test_schemas_have_every_code():
    found = schema("page-v2").schema["$defs"]
    assert found["rejected"]["properties"]["reason"]["enum"] == [each.value for each in Reason]
    assert found["dropped"]["properties"]["reason"]["enum"] == [each.value for each in DropReason]
    assert schema("row-v1").schema["properties"]["status"]["enum"] == [each.value for each in Status]
    assert schema("reading-v1").schema["properties"]["event"]["enum"] == [each.value for each in Event]


def test_every_schema_has_a_version_and_is_in_the_reference():
    page = text(DOCS / "reference" / "json.md")
    for path in FOLDER.glob("*.json"):
        found = schema(path.stem).schema
        assert path.stem.endswith(f"-v{found['version']}")
        assert found["$id"].endswith(f":{found['version']}")
        assert f"(../schemas/{path.name})" in page


# Commands and code that the pages show


def shown_commands():
    """The command lines of our programs in the pages' blocks, as words."""
    for page in [*PAGES, *OTHERS]:
        for block in re.findall(r"^ *```(?:sh)?\n(.*?)^ *```$", text(page), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.strip().removeprefix("$ ").removeprefix("sudo ")
                line = line[line.index("| edge-digits") + 2 :] if "| edge-digits" in line else line
                if line.startswith(("edge-digits ", "python -m train ", "python -m export ", "python -m benchmarks ")):
                    yield page.name, shlex.split(line, comments=True)


def test_commands_that_are_shown_have_the_options_that_are_shown():
    programs = dict(commands.PROGRAMS) | {"python -m benchmarks": benchmarks}
    seen = 0
    for page, words in shown_commands():
        name = words[0] if words[0] == "edge-digits" else " ".join(words[:3])
        command, rest = programs[name], words[len(name.split()) :]
        while isinstance(command, click.Group):
            command, rest = command.get_command(click.Context(command), rest[0]), rest[1:]
            assert command is not None, (page, words)
        known = {option for each in command.params for option in [*each.opts, *each.secondary_opts]}
        for option in (word for word in rest if word.startswith("--")):
            seen += 1
            assert option in known, (page, words, option)
    assert seen > 60


def test_the_python_of_the_readme_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", text(ROOT / "README.md"), re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2026\n31415\n0987 {")
