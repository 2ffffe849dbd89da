"""A real MQTT broker on a free loopback port, what listens to it, and a line to it that can be cut."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import program

SECONDS = 30  # longest wait for anything


def wait_until(holds, seconds=SECONDS):
    """Wait for a condition; fails where it does not come to hold."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Mosquitto:
    """Debian's broker; `options` are lines of its configuration. Stopped and started again, it knows what it knew."""

    def __init__(self, folder, *options):
        self._program = program("mosquitto")
        self.port = free_port()
        folder.mkdir()
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/"]
        lines += ["max_queued_messages 0", *options]
        if os.geteuid() == 0:
            lines.append("user root")  # or it could not read the test's files
        if not any(line.startswith("allow_anonymous") for line in options):
            lines.append("allow_anonymous true")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._log = folder / "log"
        self.start()

    def start(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", self._config], stdout=log, stderr=log)
        wait_until(self._answers)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)  # writes down what it knows; a kill would test the broker, not us
        self._process.wait(SECONDS)

    def _answers(self):
        assert self._process.poll() is None, self._log.read_text()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False


class Listener:
    """Subscribes to everything and keeps it, over restarts of the broker, too."""

    def __init__(self, port, topics="#", prepare=lambda client: None):
        self.messages = []  # (topic, payload, retained)
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"listener-{id(self)}", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topics, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, m: self.messages.append((m.topic, m.payload, m.retain))
        prepare(self._client)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(SECONDS)

    def on(self, topic):
        """The payloads on a topic, in the order in which they came."""
        return [payload for name, payload, _ in list(self.messages) if name == topic]

    def ids(self, topic):
        """The ids of the readings on a topic."""
        return [json.loads(payload)["id"] for payload in self.on(topic)]

    def has(self, topic, last):
        """Tell whether the reading with the id `last` is the last one on a topic."""
        payloads = self.on(topic)
        return bool(payloads) and json.loads(payloads[-1])["id"] == last

    def publish(self, topic, payload, retain=False):
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(SECONDS)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Line:
    """A TCP port that leads to another one, until it is cut: at once, in the middle of whatever is under way."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ends = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Cut what is connected now; new connections lead through again."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                here.close()
                continue
            self._ends += [here, there]
            self.connections += 1
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._lead, args=(source, sink), daemon=True).start()

    def _lead(self, source, sink):
        with suppress(OSError), source, sink:
            while data := source.recv(100):  # small pieces, so that a cut falls between any two bytes
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
