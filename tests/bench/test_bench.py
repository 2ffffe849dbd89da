"""`edge-digits bench`, with a device's own tools faked as programs on the PATH."""

import json
import os
import stat

import pytest

from edge_runtime.bench import device
from edge_runtime.bench.repeats import summarise_repeats

# As a Raspberry Pi 5 prints it: current first, voltages after, numbers that do not match, two rails without current.
RAILS = {"3V7_WL_SW": (0.05, 3.6), "3V3_SYS": (0.1, 3.3), "VDD_CORE": (2.0, 0.85), "DDR_VDDQ": (0.0, 0.6)}


def adc(rails=RAILS, more="     EXT5V_V volt(24)=5.10000000V\n      BATT_V volt(25)=0.00000000V\n"):
    currents = [f"{name + '_A':>14} current({at})={a:.8f}A\n" for at, (name, (a, _)) in enumerate(rails.items())]
    voltages = [f"{name + '_V':>14} volt({at + 8})={v:.8f}V\n" for at, (name, (_, v)) in enumerate(rails.items())]
    return "".join(currents + voltages) + more


@pytest.fixture
def vcgencmd(tmp_path, monkeypatch):
    """Put a program of that name on the PATH that answers each command with a text."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(**answers):
        cases = "".join(f"{command})\ncat <<'TEXT'\n{text.rstrip()}\nTEXT\n;;\n" for command, text in answers.items())
        path = folder / "vcgencmd"
        other = '*) echo "error=1 error_msg=Command not registered"; exit 1;;\n'
        path.write_text(f'#!/bin/sh\ncase "$1" in\n{cases}{other}esac\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return put


def test_power_is_the_sum_over_the_rails_that_have_a_current(vcgencmd):
    vcgencmd(pmic_read_adc=adc())
    assert device.watts() == pytest.approx(0.05 * 3.6 + 0.1 * 3.3 + 2.0 * 0.85)


@pytest.mark.parametrize("said", ["", "error=1\n", adc(more="    LONELY_A current(30)=1.00000000A\n")])
def test_a_device_that_does_not_tell_all_its_rails_has_no_power(vcgencmd, said):
    vcgencmd(pmic_read_adc=said)
    assert device.watts() is None


def test_without_the_program_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device.watts() is None
    assert set(device.read_state(tmp_path).values()) == {None}


def test_a_raspberry_pi_tells_of_heat_clock_and_throttling(vcgencmd, tmp_path):
    vcgencmd(measure_temp="temp=61.5'C", measure_clock="frequency(0)=2400033024", get_throttled="throttled=0x50004")
    found = device.read_state(tmp_path)
    assert (found["temperature_c"], found["clock_mhz"]) == (61.5, pytest.approx(2400.033024))
    assert found["throttled"] == ["throttled"]
    assert found["throttled_since_boot"] == ["under-voltage", "throttled"]


def test_linux_tells_of_the_hottest_sensor_and_the_fastest_core(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for number, (degrees, hertz) in enumerate([("41000", "800000"), ("56500", "1800000"), ("off", "")]):
        zone = tmp_path / f"class/thermal/thermal_zone{number}"
        core = tmp_path / f"devices/system/cpu/cpu{number}/cpufreq"
        for folder, name, text in ((zone, "temp", degrees), (core, "scaling_cur_freq", hertz)):
            folder.mkdir(parents=True)
            (folder / name).write_text(text + "\n")
    (tmp_path / "devices/system/cpu/cpu0/cpufreq/scaling_governor").write_text("performance\n")
    found = device.read_state(tmp_path)
    assert (found["temperature_c"], found["clock_mhz"], found["governor"]) == (56.5, 1800.0, "performance")


def test_repeats_that_lie_far_apart_are_noisy():
    assert summarise_repeats([10, 11, 12]) == {"median": 11, "repeats": [10, 11, 12], "noisy": False}
    assert summarise_repeats([10, 11, 13])["noisy"]
    assert not summarise_repeats([7])["noisy"]


@pytest.fixture
def result(run_cli, tmp_path, vcgencmd):
    """A short run on a device that says what a Pi 5 does."""
    vcgencmd(pmic_read_adc=adc(), measure_temp="temp=50.0'C", get_throttled="throttled=0x0")
    done = run_cli("bench", "--rounds", 2, "--seconds", 0.1, "--output", tmp_path / "a.json")
    return done, json.loads((tmp_path / "a.json").read_text())


@pytest.mark.long("measures every backend")
def test_the_table_and_the_file_hold_every_backend(result, run_cli, tmp_path):
    done, found = result
    assert "onnx" in found["backends"]
    for backend, figures in found["backends"].items():
        assert backend in done.stdout
        assert figures["one_p50_us"]["median"] <= figures["one_p90_us"]["median"]
        assert figures["one_p50_us"]["median"] < figures["whole_p50_us"]["median"]
        assert len(figures["start_ms"]["repeats"]) == 2
        assert 20 < figures["peak_mib"]["median"] < 2000
        # 2.21 W all the time, the same as when idle.
        assert figures["power_w"]["median"] == pytest.approx(2.21)
        assert figures["joules_per_thousand"]["median"] > 2.21 * 1000 * 5e-6
        assert figures["net_joules_per_thousand"]["median"] == pytest.approx(0, abs=1e-9)
    assert "one digit, median" in done.stdout
    assert "before:" in done.stdout
    assert "not throttled" in done.stdout
    assert found["machine"]["versions"]["edge-digits"]

    (tmp_path / "b.json").write_text(json.dumps(found))
    other = json.loads(json.dumps(found))
    other["backends"]["onnx"]["one_p50_us"]["median"] *= 3
    other["model"]["sha256"]["onnx_int8"] = "another"
    (tmp_path / "c.json").write_text(json.dumps(other))
    same = run_cli("bench", "--compare", tmp_path / "a.json", tmp_path / "b.json").stdout
    differ = run_cli("bench", "--compare", tmp_path / "a.json", tmp_path / "c.json").stdout
    assert "3.00" not in same
    assert "3.00" in differ
    assert "the models differ" in differ
    assert "the models differ" not in same


@pytest.mark.parametrize(
    ("text", "code"),
    [("no json", 1), ("[1, 2]", 2), ('{"schema": 99, "backends": {}}', 2), ('{"schema": 1, "backends": {}}', 1)],
)
def test_files_that_are_no_results_are_refused(run_cli, tmp_path, text, code):
    (tmp_path / "a.json").write_text(text)
    done = run_cli("bench", "--compare", tmp_path / "a.json", tmp_path / "a.json", code=code)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_file_is_named(run_cli, tmp_path):
    done = run_cli("bench", "--compare", tmp_path / "none.json", tmp_path / "none.json", code=1)
    assert "none.json cannot be read: No such file" in done.stderr
