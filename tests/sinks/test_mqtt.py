"""Readings to a real broker: nothing lost by cuts and kills, Home Assistant, commands, TLS and passwords."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.cli.commands import edge_digits
from edge_runtime.cli.run import finish
from edge_runtime.errors import FileError, UsageError
from edge_runtime.sinks.broker import parse_broker, read_password
from edge_runtime.sinks.group import SinkGroup
from edge_runtime.sinks.record import record
from edge_runtime.sinks.targets import SinkSettings
from edge_runtime.types import Command, Event, Reading
from tests import home_assistant
from tests.conftest import ROOT, program, skip
from tests.mosquitto import Line, Listener, Mosquitto, free_port, wait_until

LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))
CUTS = KILLS = 200 if LONG else 3
TOPIC = "meters/water"


def reading(number, text="12345"):
    return Reading(f"id-{number}", Event.CHANGED, text, 0.9876, 1_700_000_000.0, 0.03, "fake:", number)


@pytest.fixture
def broker(tmp_path):
    found = Mosquitto(tmp_path / "broker")
    yield found
    found.stop()


@pytest.fixture
def listener(broker):
    found = Listener(broker.port)
    yield found
    found.close()


@pytest.fixture
def watch(tmp_path):
    """Opens sinks as a watch does, and closes what is left open."""
    opened = []

    def open_(port, said=None, topic=TOPIC, **settings):
        settings = {"outbox": tmp_path / "outbox", "report": (said if said is not None else []).append} | settings
        opened.append(SinkGroup([f"mqtt://127.0.0.1:{port}/{topic}"], SinkSettings(**settings)))
        return opened[-1]

    yield open_
    for sinks in opened:
        sinks.close()


# What arrives


def test_a_reading_follows_the_schema_and_is_retained(broker, listener, watch):
    watch(broker.port).write(reading(7, "12\n34"))
    wait_until(lambda: listener.on(TOPIC))
    assert json.loads(listener.on(TOPIC)[0]) == {
        "id": "id-7",
        "event": "changed",
        "text": "12\n34",
        "confidence": 0.9876,
        "time": "2023-11-14T22:13:20.000Z",
        "age": 0.03,
        "source": "fake:",
        "frame": 7,
        "position": None,
    }
    late = Listener(broker.port, TOPIC)
    wait_until(lambda: late.messages)
    assert late.messages[0][2], "not retained"
    late.close()


def test_a_short_watch_delivers_all_before_it_ends(broker, listener, watch):
    said = []
    sinks = watch(broker.port, said)
    for number in range(100):
        sinks.write(reading(number))
    sinks.close()
    wait_until(lambda: len(listener.on(TOPIC)) == 100)
    assert listener.ids(TOPIC) == [f"id-{n}" for n in range(100)]
    assert listener.on(f"{TOPIC}/availability") == [b"online", b"offline"]
    assert said == [f"connected to mqtt://127.0.0.1:{broker.port}/{TOPIC}"]


def test_without_a_broker_a_watch_runs_and_the_next_one_delivers(tmp_path, watch):
    said, port = [], free_port()
    sinks = watch(port, said)
    for number in range(50):
        sinks.write(reading(number))
    began = time.monotonic()
    sinks.close()
    assert time.monotonic() - began < 10, "it hangs"
    assert "cannot be reached: Connection refused; readings wait in" in said[0]
    assert "50 readings" in said[-1]
    assert "wait in" in said[-1]
    assert sinks.lost == {}
    broker = Mosquitto(tmp_path / "broker", f"listener {port} 127.0.0.1")
    listener = Listener(broker.port)
    watch(port)
    wait_until(lambda: len(listener.on(TOPIC)) == 50)
    assert listener.ids(TOPIC) == [f"id-{n}" for n in range(50)]
    listener.close()
    broker.stop()


def test_a_silent_broker_does_not_delay_the_end(watch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sinks = watch(silent.getsockname()[1])
        sinks.write(reading(1))
        time.sleep(0.2)
        began = time.monotonic()
        sinks.close()
        assert time.monotonic() - began < 10, "it hangs"


def test_a_kill_is_announced_by_the_last_will(broker, listener, tmp_path):
    job = start_writer(broker.port, tmp_path, 1)
    wait_until(lambda: listener.on(f"{TOPIC}/availability") == [b"online"])
    os.kill(job.pid, signal.SIGKILL)
    job.communicate()
    wait_until(lambda: listener.on(f"{TOPIC}/availability") == [b"online", b"offline"])


def test_a_full_outbox_is_reported_and_gives_exit_code_1(watch):
    said = []
    sinks = watch(free_port(), said, outbox_max=10)
    for number in range(30):
        sinks.write(reading(number))
    sinks.close()
    assert any("full with 10 readings: each new one replaces the oldest" in line for line in said)
    assert any("20 waiting readings are lost" in line for line in said)
    assert sum(sinks.lost.values()) > 0


# Nothing lost


def test_lost_connections_lose_no_reading_and_repeats_keep_their_id(broker, listener, watch):
    line, chance = Line(broker.port), random.Random(1)
    sinks, number = watch(line.port), 0
    for cut in range(CUTS):
        until = time.monotonic() + chance.uniform(0, 0.1)
        while time.monotonic() < until or line.connections <= cut:  # readings come all the time, connected or not
            sinks.write(reading(number))
            number += 1
            time.sleep(chance.uniform(0, 0.05))
        line.cut()
    wait_until(lambda: listener.has(TOPIC, f"id-{number - 1}"))
    check_all(listener.on(TOPIC), range(number))
    sinks.close()
    line.close()
    assert sinks.lost == {}


def test_restarts_of_the_broker_lose_nothing(broker, listener, watch):
    sinks, number = watch(broker.port), 0
    for _ in range(CUTS // 4 if LONG else 2):
        for _ in range(20):
            sinks.write(reading(number))
            number += 1
            time.sleep(0.005)
        broker.stop()
        for _ in range(20):
            sinks.write(reading(number))
            number += 1
        broker.start()
        wait_until(lambda: listener.has(TOPIC, f"id-{number - 1}"))  # noqa: B023
    check_all(listener.on(TOPIC), range(number))


WRITER = """
import sys
from pathlib import Path
from edge_runtime.sinks.record import record
from edge_runtime.sinks.group import SinkGroup
from edge_runtime.sinks.targets import SinkSettings
from edge_runtime.types import Event
from edge_runtime.types import Reading
port, folder, number = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
sinks = SinkGroup([f"mqtt://127.0.0.1:{port}/meters/water"], SinkSettings(outbox=folder))
while True:
    sinks.write(Reading(f"id-{number}", Event.CHANGED, str(number), 0.9876, 1_700_000_000.0, 0.03, "fake:", number))
    print(number, flush=True)
    number += 1
    sys.stdin.read(1)
"""


def start_writer(port, folder, number):
    """A process that writes a reading for each byte that it is given, and says when it has."""
    command = [sys.executable, "-c", WRITER, str(port), str(folder / "outbox"), str(number)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)


def test_kills_of_the_client_lose_no_reading_and_repeats_keep_their_id(broker, listener, watch, tmp_path):
    chance, said = random.Random(2), 0
    for _ in range(KILLS):
        job = start_writer(broker.port, tmp_path, said + 1)
        said = int(job.stdout.readline())
        job.stdin.write("x" * chance.randrange(50))
        job.stdin.flush()
        time.sleep(chance.uniform(0, 0.1))
        os.kill(job.pid, signal.SIGKILL)
        rest, _ = job.communicate()
        said = int([said, *rest.split("\n")[:-1]][-1])
    sinks = watch(broker.port)
    sinks.write(reading(said + 1, str(said + 1)))
    wait_until(lambda: listener.has(TOPIC, f"id-{said + 1}"))
    check_all(listener.on(TOPIC), range(1, said + 2))


def check_all(payloads, numbers):
    """Each reading is there, what comes again is the same to the byte, and the first of each come in order."""
    first = {}
    for payload in payloads:
        assert first.setdefault(json.loads(payload)["id"], payload) == payload
    assert list(first) == [f"id-{number}" for number in numbers]


# Home Assistant


ENTITIES = 11


def configs(listener):
    """What was announced, by topic, in the order in which it came."""
    found = {}
    for topic, payload, _ in list(listener.messages):
        if topic.startswith("homeassistant/") and topic.endswith("/config"):
            found.setdefault(topic, []).append(json.loads(payload))
    return found


def announced(listener):
    """The entities, by component and name."""
    wait_until(lambda: len(configs(listener)) == ENTITIES)
    for topic, (config, *_) in configs(listener).items():
        home_assistant.check(topic, config)
    return {topic.split("/")[1] + " " + topic.split("/")[3]: each for topic, (each, *_) in configs(listener).items()}


def test_home_assistant_discovers_a_watch_and_hears_of_it_again_when_it_begins(broker, listener, watch):
    sinks = watch(broker.port)
    sinks.write(reading(1))
    entities = announced(listener)
    assert set(entities) == {
        *("sensor reading", "sensor confidence", "sensor age", "sensor time", "image image"),
        *("button pause", "button resume", "button snapshot", "button accept"),
        *("binary_sensor camera", "binary_sensor problem"),
    }
    for name, entity in entities.items():
        assert entity.get("availability_topic") == (None if name == "binary_sensor camera" else f"{TOPIC}/availability")
        assert entity["device"] == entities["sensor reading"]["device"]
    assert len({entity["unique_id"] for entity in entities.values()}) == ENTITIES
    assert entities["sensor reading"]["state_topic"] == entities["sensor reading"]["json_attributes_topic"] == TOPIC
    assert entities["button pause"]["command_topic"] == f"{TOPIC}/command"
    assert entities["image image"]["image_topic"] == f"{TOPIC}/image"
    wait_until(lambda: listener.on(TOPIC))
    late = Listener(broker.port, "homeassistant/#")  # all retained
    wait_until(lambda: len(late.messages) == ENTITIES)
    late.close()
    listener.publish("homeassistant/status", "online")
    wait_until(lambda: all(len(each) == 2 for each in configs(listener).values()))
    wait_until(lambda: listener.ids(TOPIC) == ["id-1", "id-1"])  # what it shows is there again, too
    assert listener.on(f"{TOPIC}/availability") == [b"online", b"online"]


@pytest.mark.parametrize(
    ("options", "config", "shown"),
    [
        ({}, {}, {"01234": "01234", "01\n34": "01 34", "": ""}),
        (
            {"unit": "m³", "device_class": "water", "state_class": "total_increasing", "decimals": 3},
            {"unit_of_measurement": "m³", "device_class": "water", "state_class": "total_increasing"}
            | {"suggested_display_precision": 3},
            {"01234": "1.234", "00000": "0.0", "01\n34": "0.134", "": "None", "99999999": "99999.999"},
        ),
        ({"unit": "kWh"}, {"unit_of_measurement": "kWh"}, {"01234": "1234", "01\n34": "134", "": "None", "0": "0"}),
        ({"decimals": 0}, {"suggested_display_precision": 0}, {"01234": "1234", "": "None"}),
        ({"state_class": "measurement"}, {"state_class": "measurement"}, {"01234": "1234"}),
    ],
)
def test_a_reading_is_a_number_if_its_unit_or_class_is_set(broker, listener, watch, options, config, shown):
    watch(broker.port, **options)
    sensor = announced(listener)["sensor reading"]
    optional = {"unit_of_measurement", "device_class", "state_class", "suggested_display_precision"}
    assert {name: value for name, value in sensor.items() if name in optional} == config
    for text, value in shown.items():
        assert home_assistant.render(sensor["value_template"], record(reading(1, text))) == value


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("watter", "such as water"),
        ("Energy", "such as energy"),
        ("timestamp", "not a device class of Home Assistant's"),
        ("enum", "not a device class of Home Assistant's"),
        ("date", "not a device class of Home Assistant's"),
        ("problem", "not a device class of Home Assistant's"),
    ],
)
def test_a_device_class_for_which_home_assistant_refuses_the_sensor_is_refused(given, said, capfd):
    arguments = ["watch", "fake:digits=1", "--to", "mqtt://127.0.0.1/meter", "--unit", "m³", "--device-class", given]
    assert finish(edge_digits, "edge-digits", arguments) == 2
    assert said in " ".join(capfd.readouterr().err.split())


def test_home_assistant_sees_that_the_camera_is_away_and_why_there_is_no_reading(broker, listener, watch):
    sinks = watch(broker.port)
    entities = announced(listener)
    camera, problem = entities["binary_sensor camera"], entities["binary_sensor problem"]
    assert (camera["device_class"], problem["device_class"]) == ("connectivity", "problem")

    def states():
        """What Home Assistant shows: the camera, whether the reading is available, the problem and its reason."""
        payload = json.loads(listener.on(problem["state_topic"])[-1])
        shown = listener.on(camera["state_topic"])[-1].decode()
        available = listener.on(entities["sensor reading"]["availability_topic"])[-1] == b"online"
        return (
            {camera["payload_on"]: "on", camera["payload_off"]: "off"}[shown],
            available,
            home_assistant.render(problem["value_template"], payload),
            payload["reason"],
        )

    wait_until(lambda: listener.on(problem["state_topic"]))
    assert states() == ("on", True, "OFF", "")
    for connected, reason in ((False, ""), (True, "less than 500"), (True, ""), (False, "less than 500")):
        for _ in range(3):  # it may be said often
            sinks.status(connected, reason)
        wanted = ("on" if connected else "off", connected, "ON" if reason else "OFF", reason)
        wait_until(lambda: states() == wanted)  # noqa: B023
    assert listener.on(f"{TOPIC}/availability") == [b"online", b"offline", b"online", b"online", b"offline"]
    late = Listener(broker.port, f"{TOPIC}/#")  # retained
    wait_until(lambda: len(late.messages) == 2)
    late.close()
    listener.publish("homeassistant/status", "online")
    wait_until(lambda: len(listener.on(f"{TOPIC}/problem")) == 6)
    assert states() == ("off", False, "ON", "less than 500"), "as it is, not as it was at first"


def test_a_restarted_broker_gets_everything_again(tmp_path, watch):
    broker = Mosquitto(tmp_path / "broker", "autosave_interval 0")
    sinks = watch(broker.port)
    sinks.write(reading(1))
    listener = Listener(broker.port)
    wait_until(lambda: listener.ids(TOPIC) == ["id-1"])
    listener.close()
    broker.stop()
    (tmp_path / "broker" / "mosquitto.db").unlink()
    broker.start()
    listener = Listener(broker.port)
    wait_until(lambda: listener.ids(TOPIC) == ["id-1"])
    wait_until(lambda: listener.on(f"{TOPIC}/availability") == [b"online"])
    assert sum(topic.endswith("/config") for topic, _, _ in listener.messages) == ENTITIES
    listener.close()
    sinks.close()
    broker.stop()


def test_discovery_may_have_another_prefix_or_none(broker, listener, watch):
    watch(broker.port, discovery="ha", topic="a")
    watch(broker.port, discovery="", topic="b")
    wait_until(lambda: listener.on("a/availability") and listener.on("b/availability"))
    topics = {topic for topic, _, _ in listener.messages}
    assert sum(topic.startswith("ha/") for topic in topics) == ENTITIES
    assert not [topic for topic in topics if topic.startswith("homeassistant")]
    assert not [payload for _, payload, _ in listener.messages if b'"b/' in payload]


# Commands and images


def test_commands_reach_the_watch_in_order_and_nothing_else_does(broker, listener, watch):
    said = []
    sinks = watch(broker.port, said)
    wait_until(lambda: listener.on(f"{TOPIC}/availability"))
    assert sinks.commands() == []
    for text in ("pause", "resume", "explode\x1b[2J", " SNAPSHOT\n", "accept"):
        listener.publish(f"{TOPIC}/command", text)
    listener.publish(f"{TOPIC}/command", b"\xff" * 100_000)
    found = []
    wait_until(lambda: found.extend(sinks.commands()) or len(found) == 4)
    assert found == [Command.PAUSE, Command.RESUME, Command.SNAPSHOT, Command.ACCEPT]
    wait_until(lambda: len(said) == 3)
    assert said[1] == f"unknown command 'explode\\x1b[2j' on {TOPIC}/command: use pause, resume, snapshot, accept"
    assert len(said[2]) < 300


def test_a_retained_command_is_refused(broker, listener, watch):
    said = []
    listener.publish(f"{TOPIC}/command", "pause", retain=True)
    sinks = watch(broker.port, said)
    wait_until(lambda: len(said) == 2)
    assert "send commands without retain" in "".join(said)
    assert sinks.commands() == []


def test_a_flood_of_commands_is_bounded(broker, listener, watch):
    sinks = watch(broker.port)
    wait_until(lambda: listener.on(f"{TOPIC}/availability"))
    for _ in range(100):
        listener.publish(f"{TOPIC}/command", "pause")
    listener.publish(f"{TOPIC}/command", "resume")
    time.sleep(0.2)
    found = sinks.commands()
    assert len(found) <= 16
    assert found[-1] is Command.RESUME


def test_an_image_is_a_small_jpeg(broker, listener, watch):
    sinks = watch(broker.port, images=True)
    assert sinks.images
    sinks.send_image(np.zeros((10, 10), np.uint8))  # nobody is there yet, and nothing is thrown
    wait_until(lambda: listener.on(f"{TOPIC}/availability"))
    gray = np.tile(np.arange(1280, dtype=np.uint8), (720, 1))
    sinks.send_image(gray)
    wait_until(lambda: [shape(data) for data in listener.on(f"{TOPIC}/image")][-1:] == [(360, 640)])


def shape(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).shape


# TLS and passwords


def certificate(folder, name):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def guarded(tmp_path):
    """A broker with TLS that wants a password, and its certificate."""
    program("openssl")
    cert, key = certificate(tmp_path, "broker")
    passwords = tmp_path / "passwords"
    tool = Path(program("mosquitto")).with_name("mosquitto_passwd")
    if not tool.exists():
        tool = Path("/usr/bin/mosquitto_passwd")
    if not tool.exists():
        skip("needs mosquitto_passwd of the Debian package mosquitto")
    subprocess.run([tool, "-c", "-b", passwords, "meter reader", "s3cret pass/word"], check=True, capture_output=True)
    options = [f"certfile {cert}", f"keyfile {key}", f"password_file {passwords}", "allow_anonymous false"]
    broker = Mosquitto(tmp_path / "broker", *options)
    yield broker, cert
    broker.stop()


@pytest.mark.parametrize("how", ["file", "environment", "address"])
def test_readings_go_through_tls_with_a_password_that_no_message_shows(guarded, tmp_path, monkeypatch, capfd, how):
    broker, cert = guarded
    said, login = [], "meter%20reader"
    settings = {"ca_file": cert, "outbox": tmp_path / "outbox", "report": said.append}
    if how == "file":
        (tmp_path / "password").write_text("s3cret pass/word\n")
        settings["password_file"] = tmp_path / "password"
    elif how == "environment":
        monkeypatch.setenv("EDGE_DIGITS_MQTT_PASSWORD", "s3cret pass/word")
    else:
        login += ":s3cret%20pass%2Fword"

    def trust(client):
        client.tls_set(str(cert))
        client.username_pw_set("meter reader", "s3cret pass/word")

    listener = Listener(broker.port, "#", trust)
    sinks = SinkGroup([f"mqtts://{login}@127.0.0.1:{broker.port}/{TOPIC}"], SinkSettings(**settings))
    sinks.write(reading(1))
    wait_until(lambda: listener.ids(TOPIC) == ["id-1"])
    sinks.close()
    listener.close()
    assert said == [f"connected to mqtts://127.0.0.1:{broker.port}/{TOPIC}"]
    assert "s3cret" not in repr(parse_broker(f"mqtts://{login}:s3cret@h/t"))
    told = str(said) + "".join(capfd.readouterr()) + str(threading.enumerate())
    assert "s3cret" not in told
    for path in (tmp_path / "outbox").iterdir():
        assert b"s3cret" not in path.read_bytes()
        assert "s3cret" not in path.name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\nnot this\r\n"])
def test_a_password_file_of_any_editor_holds_the_password(tmp_path, encoding, end):
    (tmp_path / "password").write_bytes(f"s3crét päss {end}".encode(encoding))
    assert read_password(tmp_path / "password") == "s3crét päss "


def test_a_wrong_password_and_an_unknown_certificate_are_reported_and_readings_wait(guarded, tmp_path):
    broker, cert = guarded
    for login, ca_file, reason in (
        ("meter%20reader:wrong", cert, "refuses the connection: Not authorized"),
        ("meter%20reader:s3cret", certificate(tmp_path, "other")[0], "self-signed certificate"),
        ("meter%20reader:s3cret", None, "self-signed certificate"),
    ):
        said = []
        settings = SinkSettings(ca_file=ca_file, outbox=tmp_path / "outbox", report=said.append)
        sinks = SinkGroup([f"mqtts://{login}@127.0.0.1:{broker.port}/{TOPIC}"], settings)
        sinks.write(reading(1))
        wait_until(lambda: said)  # noqa: B023
        sinks.close()
        assert reason in said[0]
        assert "readings wait in" in said[0]
        assert "s3cret" not in str(said)
        assert sinks.lost == {}


def test_a_password_or_certificates_that_cannot_be_read_are_one_clear_line(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "latin-1").write_bytes("pässword".encode("latin-1"))
    (tmp_path / "long").write_text("x" * 65_536)
    (tmp_path / "longer").write_text("x" * 1_000_000)
    for name, reason in (
        ("none", "No such file"),
        ("empty", "contains no password"),
        ("binary", "contains no password"),
        ("latin-1", "save the file as UTF-8"),
        ("long", "longer than 65,535 bytes"),
        ("longer", "the most that is read"),
    ):
        with pytest.raises(FileError, match=reason):
            SinkGroup(["mqtt://me@127.0.0.1/t"], SinkSettings(password_file=tmp_path / name, outbox=tmp_path))
    for name in ("none", "empty", "binary"):
        with pytest.raises(FileError, match="cannot be read as certificates"):
            SinkGroup(["mqtts://127.0.0.1/t"], SinkSettings(ca_file=tmp_path / name, outbox=tmp_path))
    with pytest.raises(UsageError, match="named twice"):
        SinkGroup(["mqtt://127.0.0.1/t", "mqtt://me:pass@127.0.0.1:1883/t"], SinkSettings(outbox=tmp_path))
