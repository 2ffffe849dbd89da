"""The structure of the repository: which package may import which, and what the wheel holds."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

ONE_FILE = {  # each of these is imported by one file alone
    "ai_edge_litert": "edge_runtime/backends/litert.py",
    "tflite_runtime": "edge_runtime/backends/tflite_runtime.py",
    "onnxruntime": "edge_runtime/backends/onnx.py",
    "picamera2": "edge_runtime/sources/picamera.py",
    "paho": "edge_runtime/sinks/mqtt.py",
    "pi_heif": "edge_runtime/images/formats/heif.py",
    "PIL": "edge_runtime/images/formats/avif.py",
    "pypdfium2": "edge_runtime/images/formats/pdf.py",
}
# Modules that `edge-digits classify` may load, Python's own among them; those of the page network for a larger image.
BUDGETS = {"0-like-mnist.png": 350, "4-black-on-white.bmp": 365}
# By `classify`.
UNUSED = {"asyncio", "unittest", "pyarrow", "paho", "sqlite3", "onnxruntime", "scipy", "PIL", "pi_heif", "pypdfium2"}
HEAVY = {"tensorflow", "keras", "tf2onnx", "onnx", "matplotlib", "seaborn", "pandas", "train", "export", "benchmarks"}


# What each package of the repository may import of the others; nothing imports backwards.
PACKAGES = {
    "edge_runtime": set(),
    "train": {"edge_runtime"},
    "export": {"edge_runtime", "train"},
    "benchmarks": {"edge_runtime", "train", "export"},
    "tools": {"edge_runtime", "train", "export"},
    "examples": {"edge_runtime"},
}


def imports(path):
    """The top-level names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


LONGEST = 60  # lines of a function
PARAMETERS = 8  # of a function, without self; more become a settings object


def functions():
    """All functions of the packages: file, line and node."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def is_click_command(node):
    """Whether a decorator is click's, or one of our groups': such a function has a parameter for each option."""
    return any(re.search(r"\.(command|group)\(", ast.unparse(each)) for each in node.decorator_list)


def parameters(node):
    """The number of a function's parameters, without self and cls."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(each.arg not in ("self", "cls") for each in given)


def test_functions_are_short():
    lengths = {place: node.end_lineno - node.lineno + 1 for place, node in functions()}
    assert len(lengths) > 1000
    assert {place: length for place, length in lengths.items() if length > LONGEST} == {}


def test_functions_have_few_parameters():
    counts = {place: parameters(node) for place, node in functions() if not is_click_command(node)}
    assert {place: count for place, count in counts.items() if count > PARAMETERS} == {}


def runtime_files():
    return sorted((ROOT / "edge_runtime").rglob("*.py"))


def test_the_runtime_imports_neither_tensorflow_nor_its_makers():
    found = {path.name: HEAVY & set(imports(path)) for path in runtime_files()}
    assert {name: heavy for name, heavy in found.items() if heavy} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_in_one_direction(package):
    others = {*PACKAGES, "tests"} - PACKAGES[package] - {package}
    found = {str(path.relative_to(ROOT)): others & set(imports(path)) for path in (ROOT / package).rglob("*.py")}
    assert found
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def part(path):
    """The part of the runtime that a file or module belongs to: a folder, or a single file at the top."""
    return Path(path).relative_to("edge_runtime").parts[0].removesuffix(".py")


def imported_parts(path):
    """The other parts of the runtime that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "edge_runtime":
            for alias in node.names:
                module = Path(*node.module.split("."))
                if (ROOT / module / f"{alias.name}.py").exists() or (ROOT / module / alias.name).is_dir():
                    module /= alias.name
                if len(module.parts) > 1:
                    yield part(module)


def test_parts_of_the_runtime_do_not_import_in_circles():
    imported = {}
    for path in runtime_files():
        name = part(path.relative_to(ROOT))
        if name not in ("__init__", "__main__"):
            imported.setdefault(name, set()).update(set(imported_parts(path)) - {name})
    assert imported["cli"] > {"batch", "watch"}
    while free := [name for name, others in imported.items() if not others & imported.keys()]:
        for name in free:
            del imported[name]
    assert imported == {}, "these import one another"


def test_every_package_of_the_repository_has_its_place():
    folders = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests", "build"}
    assert folders == set(PACKAGES)


def test_float_files_are_made_and_not_kept():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [name for name in names.splitlines() if Path(name).name.startswith("model_float.")] == []


@pytest.mark.parametrize("library", ONE_FILE)
def test_one_file_of_the_runtime_imports_each_library_of_an_extra(library):
    users = [str(path.relative_to(ROOT)) for path in runtime_files() if library in imports(path)]
    assert users == [ONE_FILE[library]]


def test_types_and_errors_know_nobody():
    for name in ("types.py", "errors.py", "limits.py"):
        assert "edge_runtime" not in set(imports(ROOT / "edge_runtime" / name)), name


def test_the_rooms_open_with_what_flows_in_and_out():
    for room in ("edge_runtime", "train", "export", "benchmarks", "tools"):
        text = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))
        assert text, room
        assert len(text.splitlines()) > 1, room


@pytest.mark.parametrize(("image", "budget"), BUDGETS.items())
def test_classify_loads_what_it_needs_and_no_more(image, budget):
    code = """
import sys
from edge_runtime.cli.commands import edge_digits
edge_digits.main(["classify", sys.argv[1]], standalone_mode=False)
print(sorted(sys.modules))
"""
    command = [sys.executable, "-c", code, ROOT / "samples" / image]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = ast.literal_eval(done.stdout.splitlines()[-1])
    modules = {name.split(".")[0] for name in loaded}
    assert {"numpy", "cv2"} <= modules
    assert not HEAVY & modules
    assert not UNUSED & modules
    assert len(loaded) <= budget
    unused = (
        "edge_runtime.bench",
        "edge_runtime.watch",
        "edge_runtime.sources.live",
        "edge_runtime.cli.watch_terminal",
    )
    assert not [name for name in loaded if name.startswith(unused)]


def test_the_wheel_holds_the_runtime_and_its_int8_models_alone(tmp_path):
    tree = tmp_path / "checkout"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, tree]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("edge_digits-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {
        "edge_runtime",
        f"{'-'.join(wheel.stem.split('-')[:2])}.dist-info",
    }
    extra = {name for name in names if name.startswith("edge_runtime/") and Path(name).suffix != ".py"}
    bundled = {"manifest.json", "model_int8.tflite", "model_int8.onnx", "golden.bin"}
    assert {Path(name).name for name in extra} == bundled | {"py.typed", "report.html", "trust.bin"}
    for manifest in (Path(name) for name in names if name.endswith("/manifest.json")):
        assert {str(manifest.with_name(name)) for name in bundled} <= names
    assert {"edge_runtime/models/ann/model_int8.tflite", "edge_runtime/models/ann/manifest.json"} <= extra
