"""The reference of the Python interface, from docstrings and from comments behind the fields of values.

The source is parsed, not imported: what a class shows is what stands in its file.
"""

import ast
import inspect
import re
from importlib.util import find_spec
from pathlib import Path

TOP = """# Python

Generated from the docstrings by `python -m tools.reference`. [Embed in Python](../tutorials/embed-in-python.md)
introduces it. What is not listed here may change without notice.

Names without a module in front of them below are imported from `edge_runtime`.
"""

SECTIONS = {
    "Read images": (
        "edge_runtime.pipeline.read_page",
        "edge_runtime.pipeline.classify",
        "edge_runtime.pipeline.Reader",
        "edge_runtime.classifier.Classifier",
    ),
    "Results": (
        "edge_runtime.page.Page",
        "edge_runtime.types.Digit",
        "edge_runtime.types.Mark",
        "edge_runtime.types.Box",
        "edge_runtime.types.Status",
        "edge_runtime.decide.Reason",
        "edge_runtime.find.blobs.DropReason",
        "edge_runtime.types.Classification",
    ),
    "Image files": (
        "edge_runtime.images.files.read_gray",
        "edge_runtime.images.files.decode_gray",
        "edge_runtime.images.files.read_images",
        "edge_runtime.images.formats.encoded.DecodedImage",
        "edge_runtime.images.formats.encoded.FailedPage",
        "edge_runtime.normalise.normalise",
    ),
    "Models": (
        "edge_runtime.bundles.bundle.load_bundle",
        "edge_runtime.bundles.bundle.names",
        "edge_runtime.bundles.bundle.Bundle",
        "edge_runtime.bundles.bundle.ModelFile",
        "edge_runtime.bundles.bundle.Threshold",
    ),
    "Batch jobs": (
        "edge_runtime.batch.job.BatchJob",
        "edge_runtime.batch.settings.BatchSettings",
        "edge_runtime.batch.job.BatchObserver",
        "edge_runtime.batch.job.BatchResult",
        "edge_runtime.batch.counts.Counts",
        "edge_runtime.types.Row",
    ),
    "Watch": (
        "edge_runtime.watch.session.WatchSession",
        "edge_runtime.watch.settings.WatchSettings",
        "edge_runtime.watch.settings.HardSettings",
        "edge_runtime.watch.meter.MeterRules",
        "edge_runtime.sources.view.View",
        "edge_runtime.sinks.targets.SinkSettings",
        "edge_runtime.watch.session.WatchObserver",
        "edge_runtime.watch.statistics.WatchStatistics",
        "edge_runtime.types.Reading",
        "edge_runtime.types.Event",
        "edge_runtime.types.Command",
    ),
    "Parts of other packages": (
        "edge_runtime.backends.Backend",
        "edge_runtime.bundles.bundle.Shapes",
        "edge_runtime.sources.live.Camera",
        "edge_runtime.sources.live.Shot",
        "edge_runtime.sinks.ReadingSink",
        "edge_runtime.sinks.RemoteSink",
    ),
    "Errors": (
        "edge_runtime.errors.EdgeDigitsError",
        "edge_runtime.errors.UsageError",
        "edge_runtime.errors.InputError",
        "edge_runtime.errors.FileError",
        "edge_runtime.errors.TooLargeError",
        "edge_runtime.errors.NotAnImageError",
        "edge_runtime.errors.DamagedImageError",
        "edge_runtime.errors.SourceError",
        "edge_runtime.errors.ModelError",
        "edge_runtime.errors.BackendError",
        "edge_runtime.errors.UnsupportedModelError",
        "edge_runtime.errors.OutputError",
        "edge_runtime.errors.MissingLibraryError",
    ),
}

Function = ast.FunctionDef
FIELD = (ast.AnnAssign, ast.Assign)


def page() -> str:
    """Return the page as Markdown."""
    parts = [TOP]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(name) for name in names]
    return "\n".join(parts)


def documented() -> set[str]:
    """Return the names on the page, with their modules."""
    return {name for names in SECTIONS.values() for name in names}


def _entry(name: str) -> str:
    module, _, short = name.rpartition(".")
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, name
    source = Path(spec.origin).read_text(encoding="utf-8")
    found = [each for each in ast.parse(source).body if isinstance(each, (ast.ClassDef, ast.FunctionDef))]
    node = next((each for each in found if each.name == short), None)
    if node is None:
        raise LookupError(f"{module} defines no class or function {short}")
    public = _public_names()
    head = f"### {short}\n\n`from {'edge_runtime' if short in public else module} import {short}`\n"
    body = _class(node, source.splitlines()) if isinstance(node, ast.ClassDef) else _function(node, node.name)
    return f"{head}\n{body}"


def _public_names() -> set[str]:
    import edge_runtime

    return set(edge_runtime.__all__)


def _class(node: ast.ClassDef, lines: list[str]) -> str:
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    parts = [f"```python\nclass {node.name}{f'({bases})' if bases else ''}\n```\n", _doc(node)]
    if made := methods.get("__init__"):
        parts.append(_function(made, node.name))
    if fields := [_field(each, lines) for each in [*node.body, *_attributes(made)] if isinstance(each, FIELD)]:
        parts.append("\n".join(fields) + "\n")
    for name, method in methods.items():
        if not name.startswith("_"):
            parts.append(f"#### {node.name}.{name}\n\n{_function(method, name)}")
    return "\n".join(filter(None, parts))


def _attributes(made: Function | None) -> list[ast.stmt]:
    """The public attributes that a constructor sets one by one."""
    found: list[ast.stmt] = []
    for each in made.body if made else ():
        target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
        if isinstance(each, FIELD) and isinstance(target, ast.Attribute) and not target.attr.startswith("_"):
            found.append(each)
    return found


def _field(node: ast.AnnAssign | ast.Assign, lines: list[str]) -> str:
    """A field, with the comment behind it."""
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    kind = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
    value = "" if node.value is None or isinstance(target, ast.Attribute) else f" = {ast.unparse(node.value)}"
    code = f"{ast.unparse(target).removeprefix('self.')}{kind}{value}"
    _, _, comment = lines[node.end_lineno - 1].partition("  # ") if node.end_lineno else ("", "", "")
    return f"- `{code}`" + (f": {comment}" if comment else "")


def _function(node: Function, name: str) -> str:
    arguments = ast.parse(ast.unparse(node)).body[0].args  # type: ignore[attr-defined]
    if arguments.args and arguments.args[0].arg == "self":
        arguments.args = arguments.args[1:]
    if any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list):
        signature = f"{name}: {_type(node.returns)}"
    else:
        result = f" -> {_type(node.returns)}" if node.returns and name[0].islower() else ""
        signature = _wrapped(f"{name}(", _spaced(ast.unparse(arguments)), f"){result}")
    return f"```python\n{signature}\n```\n\n{_doc(node)}"


def _spaced(arguments: str) -> str:
    """Arguments as people write them: annotations without quotes, spaces around the sign of a default."""
    return re.sub(r"(: [^,=]+)=", r"\1 = ", re.sub(r": '([^']+)'", r": \1", arguments))


def _wrapped(head: str, arguments: str, tail: str) -> str:
    """A signature in one line, or with an argument a line where it is long."""
    if len(head + arguments + tail) <= 100:
        return head + arguments + tail
    parts = re.split(r", (?![^\[(]*[\])])", arguments)
    return head + "".join(f"\n    {part}," for part in parts) + f"\n{tail}"


def _type(node: ast.expr | None) -> str:
    return ast.unparse(node).strip("'") if node is not None else "None"


def _doc(node: ast.ClassDef | Function) -> str:
    text = ast.get_docstring(node) or ""
    return f"{inspect.cleandoc(text)}\n" if text else ""
