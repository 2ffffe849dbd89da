"""The commands on speed and size: what they count and compare. How quick anything is, no test asks."""

import json
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import click
import keras
import numpy as np
import pytest

from benchmarks import footprint, instructions, plots, speed, tables
from benchmarks.__main__ import benchmarks
from benchmarks.instructions import Compared
from benchmarks.latency import measure
from benchmarks.latency.arithmetic import macs
from benchmarks.latency.subjects import SUBJECTS
from edge_runtime.bundles.bundle import DEFAULT, load_bundle
from edge_runtime.cli.run import finish
from export.tflite import convert_float
from tests.conftest import program, skip

QUANTILES = list(range(1, 102))


def run(*arguments):
    return finish(benchmarks, "benchmarks", [str(argument) for argument in arguments])


@pytest.fixture
def loadgen():
    if find_spec("mlperf_loadgen") is None:
        skip("needs mlcommons-loadgen, which has wheels for x86-64 Linux only")
    from benchmarks.latency import loadgen

    return loadgen


@pytest.mark.long("runs a whole benchmark")
def test_multiplications_are_those_of_the_layers():
    bundle = load_bundle(DEFAULT)
    assert macs(bundle.file("tflite_int8").load()) == 784 * 1024 + 1024 * 512 + 512 * 11
    rows = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Dense(6), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    assert macs(convert_float(rows)) == 28 * 28 * 6 + 28 * 6 * 10
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same"),
            keras.layers.DepthwiseConv2D(3),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    assert macs(convert_float(network)) == 4 * 9 * 14 * 14 + 4 * 9 * 12 * 12 + 4 * 12 * 12 * 10


def test_single_stream_asks_for_one_digit_after_the_other(loadgen):
    asked = []

    def read(index):
        asked.append(index)
        time.sleep(1e-4)  # as long as expected: else the queries that LoadGen prepares are over too early

    found = loadgen.single_stream(read, 1e-4, loadgen.Rules(0.05, 500, 1))
    assert len(asked) >= 500
    assert {type(index) for index in asked} == {int}
    assert len(set(asked)) > 100
    assert max(asked) < loadgen.LIBRARY
    assert found["valid"] in (True, False)  # a busy machine is not as quick as LoadGen was told
    assert found["p50_us"] <= found["p90_us"] <= found["p99_us"]
    assert sorted(found["quantiles_us"]) == found["quantiles_us"]
    assert len(found["quantiles_us"]) == 101


def test_offline_asks_for_all_at_once(loadgen):
    asked = []

    def read(indices):
        asked.append(indices)
        time.sleep(0.03)  # or all would be read before the least time is over, which is not valid

    found = loadgen.offline(read, 10_000, loadgen.Rules(0.05, 1, 3000))
    assert found["valid"]
    assert found["samples_per_s"] > 0
    assert sum(map(len, asked)) >= 3000
    assert max(map(len, asked)) == loadgen.CHUNK


def worker(time_us):
    """What a worker says of a subject that takes so long."""
    single = {"p50_us": time_us, "p90_us": 2 * time_us, "p99_us": 3 * time_us, "valid": True, "quantiles_us": QUANTILES}
    path = {"single_stream": single, "offline": {"samples_per_s": 1e6 / time_us, "valid": True}}
    return {"model": path, "whole": path}


def result(ours, bare=10.0, slow=200.0, drift=(1.0, 1.5)):
    """A model's result of two rounds, in the second of which everything takes longer."""
    rounds = [
        {
            "keras-call": worker(slow * 10 * times),
            "tflite-float": worker(slow * times),
            "tflite-int8": worker(bare * times),
            "litert": worker(ours * times),
            "peak": {"macs_per_s": 1e12 / times},
        }
        for times in drift
    ]
    return {"paths": {path: measure.summarise(rounds, path, 1_000_000) for path in measure.PATHS}}


def test_ratios_are_taken_within_a_round():
    found = result(ours=15.0)["paths"]["model"]["litert"]
    assert found["p50_us"]["noisy"]
    assert found["ratios"]["bare"]["p50_us"] == {"median": 1.5, "repeats": [1.5, 1.5], "noisy": False}
    assert found["ratios"]["keras-call"]["p99_us"]["median"] == pytest.approx(15 / 2000)
    assert found["ratios"]["limit"]["offline_us"]["median"] == pytest.approx(15)  # a million at 1e12 a second take 1 µs
    assert "keras-predict" not in found["ratios"]


@pytest.mark.parametrize(
    ("model", "ours", "slow", "met"),
    [(DEFAULT, 15, 200, [True, True]), (DEFAULT, 15.1, 200, [False, True]), (DEFAULT, 14, 34, [True, False])],
)
def test_one_and_a_half_bare_loops_and_two_fifths_of_float_are_the_targets(model, ours, slow, met):
    assert [each["met"] for each in measure.targets(model, result(ours, slow=slow))] == met


def test_the_small_network_may_take_two_bare_loops():
    assert [each["met"] for each in measure.targets("ann-small", result(19.9))] == [True]
    assert [each["met"] for each in measure.targets("ann-small", result(20.1))] == [False]
    assert measure.targets("another", result(90)) == []


@pytest.mark.long("runs a whole benchmark")
@pytest.mark.usefixtures("loadgen")
def test_latency_of_a_bundle_of_the_users_own_writes_figures_image_and_table(mnist, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("benchmarks.options.load_mnist", lambda path: mnist)
    mine = shutil.copytree(load_bundle("ann-nano").folder, tmp_path / "mine")
    some = ("--subject", "litert", "--subject", "tflite-int8", "--model", mine)
    assert run("latency", *some, "--rounds", 1, "--seconds", 0.05, "--out", tmp_path / "out") == 0
    said = capfd.readouterr().out
    found = json.loads((tmp_path / "out" / "latency.json").read_text())["models"][str(mine)]
    for path in measure.PATHS:
        assert set(found["paths"][path]) == {"litert", "tflite-int8"}
    one = found["paths"]["model"]["litert"]
    assert len(one["p50_us"]["repeats"]) == 1
    assert one["ratios"]["bare"]["p50_us"]["median"] > 0.5
    assert found["peak_macs_per_s"]["median"] > 1e8
    assert "| edge-digits, litert |" in said
    (picture,) = (tmp_path / "out").glob("latency-mine-*.png")
    assert picture.stat().st_size > 10_000


def test_a_missed_target_ends_with_1(capfd):
    for slow, code in ((200, 0), (34, 1)):
        assert speed._report({DEFAULT: measure.targets(DEFAULT, result(14, slow=slow))}) == code
    assert "to the bare loop over float tflite: 0.412, at most 0.400: missed" in capfd.readouterr().out


def test_all_ways_to_read_say_the_same_digit(drawn_digits):
    from edge_runtime.normalise import normalise_all

    digits = normalise_all(drawn_digits[0][:10])
    bundle = load_bundle(DEFAULT)
    read = {}
    for name, kind in SUBJECTS.items():
        if kind.file is not None and bundle.file(kind.file).path.is_file():
            subject = kind.open(bundle, None)
            samples = subject.prepare(digits)
            one = [np.asarray(getattr(out, "probabilities", out)).argmax() for out in map(subject.one, samples)]
            many = subject.many(samples)
            assert np.asarray(getattr(many, "probabilities", many)).argmax(1).tolist() == one, name
            read[name] = one
    assert len(read) >= 4
    assert len({tuple(labels) for labels in read.values()}) == 1


def test_unknown_ways_and_failing_processes_end_in_one_line(tmp_path, capfd, loadgen, monkeypatch):
    assert run("latency", "--subject", "abacus", "--out", tmp_path) == 2
    assert "choose from keras-call" in capfd.readouterr().err
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "mlperf_loadgen.py").write_text("raise ImportError('broken on purpose')")
    assert run("latency", "--subject", "litert", "--model", DEFAULT, "--rounds", 1, "--out", tmp_path) == 1
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1] == "error: the process of litert ended with 1: ImportError: broken on purpose"
    assert "Traceback" not in lines


# All of them


@pytest.fixture
def stand_ins(monkeypatch):
    """Put in each command's place one that notes its options and ends as told."""
    called, ends = {}, {}
    for name, command in list(benchmarks.commands.items()):

        def stand_in(name=name, **options):
            called[name] = options
            if isinstance(ends.get(name), Exception):
                raise ends[name]
            return ends.get(name)

        if name != "all":
            replaced = click.Command(name, params=command.params, callback=stand_in)
            monkeypatch.setitem(benchmarks.commands, name, replaced)
    return called, ends


def test_all_runs_the_short_forms_and_leaves_the_record_alone(stand_ins, tmp_path, capfd):
    called, _ = stand_ins
    assert run("all", "--out", tmp_path / "out") == 0
    assert list(called) == ["parity", "latency", "footprint", "instructions", "throughput", "names", "camera"]
    for name, options in called.items():
        assert set(options) == {each.name for each in benchmarks.commands[name].params if each.expose_value}, name
        assert tmp_path / "out" in (options.get("out"), options.get("path", tmp_path).parent), name
    assert called["latency"]["rounds"] < 5
    assert called["latency"]["official"] is False
    assert "[7 of 7] camera" in capfd.readouterr().err


def test_all_goes_on_after_what_fails_and_ends_with_1(stand_ins, tmp_path, capfd):
    called, ends = stand_ins
    ends |= {"latency": 1, "footprint": footprint.FootprintError("no room")}
    assert run("all", "--out", tmp_path) == 1
    assert len(called) == 7
    said = capfd.readouterr()
    assert "error: footprint: no room" in said.err
    assert "missed: latency, footprint" in said.out


# Footprint


def package(folder, name, size, requires=()):
    """Put an installed package into a site-packages folder."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1", *(f"Requires-Dist: {each}" for each in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.py").write_bytes(b"#" * size)
    (folder / f"{name}.pyc").write_bytes(b"#" * 10_000)
    (info / "RECORD").write_text(f"{name}.py,,\n{name}.pyc,,\n{name}_gone.py,,\n")


def test_installed_bytes_are_those_of_all_that_is_required(tmp_path):
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    package(site, "one", 100, ["Two_Parts>=1", "three; extra == 'more'", "four; sys_platform == 'none'"])
    package(site, "two-parts", 30, ["one"])
    package(site, "three", 5000)
    assert footprint.installed(["one"], tmp_path / "bin" / "python") == {"one": 100, "two-parts": 30}
    with pytest.raises(footprint.FootprintError, match="four is not installed"):
        footprint.installed(["four"], tmp_path / "bin" / "python")


def test_a_start_is_timed_to_its_first_line_and_its_memory_is_its_own():
    def script(text):
        return [sys.executable, "-c", f"import json, time\n{text}"]

    small = footprint.start(script("print(json.dumps({'label': '1'}), flush=True); time.sleep(1)"))
    large = footprint.start(script("x = b'1' * 200_000_000; print(json.dumps({'label': '1'}))"))
    assert 150 < large[1] - small[1] < 250
    assert small[1] < 60  # and not that of this process
    for wrong in ("print('no')", "print(json.dumps({'label': None}))", "raise SystemExit(3)"):
        with pytest.raises(footprint.FootprintError):
            footprint.start(script(wrong))


def test_import_times_are_summed_by_package():
    found = footprint.import_times([sys.executable, "-X", "importtime", "-c", "import json.tool"])
    assert found["all"] >= sum(time for name, time in found.items() if name != "all") * 0.999
    assert found["all"] > 0
    assert len(found) == footprint.PACKAGES + 2


def side(seconds, mib, size):
    figure = {"repeats": [], "noisy": False}
    return {"start_s": {"median": seconds, **figure}, "peak_mib": {"median": mib, **figure}, "installed_bytes": size}


def test_the_footprint_is_shown_as_table_and_image(tmp_path):
    ours, theirs = side(0.2, 70, 3e8), side(3.0, 600, 2e9)
    ratios = {"start_s": {"median": 0.067, "noisy": True}, "peak_mib": {"median": 0.2, "noisy": False}}
    found = {"edge_digits": ours, "keras": theirs, "ratios": ratios | {"installed_bytes": 0.15}}
    assert [each["met"] for each in footprint.targets(found)] == [True, False, True]
    assert "| cold start to the first label | 0.2 s | 3 s | ~0.067 | 0.083 |" in tables.footprint(found)
    plots.footprint(found, tmp_path / "footprint.png")
    assert (tmp_path / "footprint.png").stat().st_size > 5000


# Instructions


def test_three_per_cent_are_allowed():
    assert not Compared("litert", 1030, 1000).slower
    assert Compared("litert", 1031, 1000).slower
    assert not Compared("litert", 9999, None).slower


def test_only_the_same_network_on_the_same_kind_of_processor_is_compared():
    recorded = {}
    counts = {"litert": 1000}
    assert instructions.compare(DEFAULT, counts, recorded)[0].recorded is None
    instructions.record(DEFAULT, counts, recorded)
    assert instructions.compare(DEFAULT, counts, recorded)[0].recorded == 1000
    assert instructions.compare(DEFAULT, {"onnx": 7}, recorded)[0].recorded is None
    recorded[instructions.kind()]["models"][DEFAULT]["model"] = "another"
    assert instructions.compare(DEFAULT, counts, recorded)[0].recorded is None


@pytest.mark.long("counts instructions under valgrind, which runs everything forty times slower")
def test_instructions_are_those_on_record(tmp_path, capfd):
    """The one test of speed: instructions do not depend on what else the machine does."""
    program("valgrind")
    path = tmp_path / "instructions.json"
    recorded = instructions.read(tables.RESULTS / "instructions.json")
    instructions.write(path, recorded)
    code = run("instructions", "--model", DEFAULT, "--subject", "litert", "--subject", "tflite-int8", "--file", path)
    said = capfd.readouterr()
    assert code == 0, said.out + said.err
    assert said.out.count(" instructions  ") == 2
    counted = instructions.read(path)[instructions.kind()]["models"][DEFAULT]["subjects"]
    assert counted["litert"] > counted["tflite-int8"] > 10_000
    if "not on record" in said.out:
        assert "notice: " in said.err
    low = {**counted, "litert": round(counted["litert"] / 1.05)}
    instructions.record(DEFAULT, low, recorded)
    assert [each.slower for each in instructions.compare(DEFAULT, counted, recorded)] == [
        True,
        *[False] * (len(low) - 1),
    ]


def test_without_valgrind_the_command_says_what_to_install(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run("instructions", "--model", DEFAULT, "--file", Path(tmp_path, "none.json")) == 1
    assert "apt-get install valgrind" in capfd.readouterr().err
