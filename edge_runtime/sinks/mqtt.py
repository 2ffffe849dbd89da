"""Readings to an MQTT broker: the only file that imports paho-mqtt (the extra `mqtt`).

Below the topic of the readings are TOPIC/availability (online while the camera delivers images, else offline; also the
last will), TOPIC/problem (why there is no reading), TOPIC/command and TOPIC/image. A reading goes to the outbox first
and is removed when the broker has acknowledged it. So delivery is at least once and in order; repeats keep their id.

Threads: the watch calls `write` and never waits for the network; paho's thread has the connection; the sender thread
takes messages from the outbox to paho. Events on paho's thread, which holds locks, go to the sender through a queue.
"""

import contextlib
import hashlib
import json
import platform
import queue
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from edge_runtime.common.text import make_printable
from edge_runtime.common.versions import import_failure
from edge_runtime.errors import FileError, OutputError
from edge_runtime.sinks.broker import Broker
from edge_runtime.sinks.home_assistant import OFFLINE, ONLINE, Number, discovery
from edge_runtime.sinks.outbox import Outbox
from edge_runtime.sinks.record import record
from edge_runtime.types import Command, Gray, Reading

try:
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion
except Exception as error:
    install = "pip install paho-mqtt, or the extra edge-digits[mqtt]"
    raise import_failure("mqtt://", "paho.mqtt", "paho-mqtt", install, error) from error

WINDOW = 64  # readings in flight; paho keeps them over reconnections
COMMANDS = 16  # maximum number of waiting commands; the oldest are dropped
KEEP_ALIVE = 30  # seconds; a broker that is silent for 1.5 times as long is disconnected
CONNECT_SECONDS = 5.0
BACKOFF = (1, 10)  # seconds between two attempts to connect: first and maximum
CLOSE_SECONDS = 0.6  # to send waiting messages
ENDING_SECONDS = 0.2  # for each thread to finish
IMAGE = 640  # pixels: maximum length of an image's longer side
QUALITY = 80  # of its JPEG, 0 to 100
WAKE = 0  # a signal other than the id of a message


class MqttSink:
    """Implements RemoteSink."""

    def __init__(
        self,
        broker: Broker,
        outbox: Outbox,
        report: Callable[[str], None],
        prefix: str = "homeassistant",
        ca_file: Path | None = None,
        images: bool = False,
        number: Number | None = None,
    ) -> None:
        """Start to connect; retries indefinitely while the broker is unreachable.

        outbox: closed with the sink. report: called with a line at each change of the connection. prefix: discovery
        prefix of Home Assistant; empty: no discovery. ca_file: CA certificates instead of the system's. images: send
        an image after each reading. number: what the reading measures, for Home Assistant. Raises FileError for
        certificates that cannot be read.
        """
        self.images = images
        self._number = number or Number()
        self._status = (True, "")  # whether the camera delivers images, and why there is no reading
        self._broker, self._outbox, self._report, self._prefix = broker, outbox, report, prefix
        self._topic = broker.topic
        self._commands: deque[Command] = deque(maxlen=COMMANDS)
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # ids of acknowledged messages, or WAKE
        self._connected, self._idle = threading.Event(), threading.Event()
        self._closing = self._ended = False
        self._repeat = False  # send the last reading again, which a restarted broker may have lost
        self._last_report = ""
        self._client = self._make_client(ca_file)
        self._sender = threading.Thread(target=self._send, name="mqtt outbox", daemon=True)
        self._client.connect_async(broker.host, broker.port, KEEP_ALIVE)
        self._client.loop_start()
        self._sender.start()
        self._signals.put(WAKE)

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        self._outbox.put(json.dumps(record(reading)).encode("ascii"))
        self._idle.clear()
        self._signals.put(WAKE)

    def commands(self) -> list[Command]:
        """See RemoteSink.commands."""
        found = []
        with contextlib.suppress(IndexError):
            while True:
                found.append(self._commands.popleft())
        return found

    def send_image(self, gray: Gray) -> None:
        """See RemoteSink.send_image. A retained JPEG of at most IMAGE pixels a side."""
        if not self._connected.is_set():
            return
        scale = min(1.0, IMAGE / max(gray.shape))
        small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
        data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        self._client.publish(f"{self._topic}/image", data, qos=0, retain=True)

    def status(self, connected: bool, problem: str) -> None:
        """See RemoteSink.status."""
        if (connected, problem) != self._status:
            self._status = (connected, problem)
            if self._connected.is_set():
                self._publish_status()

    def close(self) -> None:
        """See ReadingSink.close. What is not sent within CLOSE_SECONDS waits in the outbox for the next watch."""
        self._signals.put(WAKE)
        until = time.monotonic() + CLOSE_SECONDS
        self._idle.wait(CLOSE_SECONDS)
        self._closing = True
        if self._connected.is_set():
            # QoS 0, so that it does not queue behind waiting messages; it is sent before the disconnection.
            info = self._client.publish(f"{self._topic}/availability", OFFLINE, qos=0, retain=True)
            with contextlib.suppress(RuntimeError, ValueError):  # just disconnected: the last will replaces it
                info.wait_for_publish(max(0.1, until - time.monotonic()))
        self._client.disconnect()
        self._ended = True
        self._signals.put(WAKE)
        # On another thread, as paho waits for its own thread, which may be resolving a host name.
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()
        for thread in (self._sender, ending):
            thread.join(ENDING_SECONDS)
        left = len(self._outbox)
        self._outbox.close()
        if left:
            self._report(f"{left:,} readings for {self._broker.name} wait in {self._outbox.path} for the next watch")

    def _make_client(self, ca_file: Path | None) -> "paho.Client":
        # With the same id after a kill, the broker ends the old connection, with its will, before the new one starts.
        # With another id, the old will would arrive later and set the state to offline.
        identity = hashlib.sha256(f"{platform.node()}/{self._topic}".encode()).hexdigest()[:12]
        client = paho.Client(CallbackAPIVersion.VERSION2, f"edge-digits-{identity}")
        client.connect_timeout = CONNECT_SECONDS
        client.reconnect_delay_set(*BACKOFF)
        client.max_inflight_messages_set(WINDOW)
        client.will_set(f"{self._topic}/availability", OFFLINE, qos=1, retain=True)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=ca_file))
            except OSError as error:  # ssl.SSLError is one
                raise FileError(f"{ca_file} cannot be read as certificates: {error.strerror or error}") from error
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    # On the sender thread

    def _send(self) -> None:
        """Pass messages of the outbox to paho, and remove them when the broker has acknowledged them."""
        under_way: dict[int, int] = {}  # places in the outbox, by paho's id
        payloads: dict[int, bytes] = {}  # by place
        handed = 0  # the place of the last message passed to paho
        last = b""  # the last acknowledged message
        delivered: list[int] = []  # places of acknowledged messages; removed in batches, as each removal is a write
        while not self._ended:
            for signal in self._wait():
                place = under_way.pop(signal, None)
                if place is not None:
                    delivered.append(place)
                    last = payloads.pop(place)
            if len(delivered) >= WINDOW // 2 or (delivered and not under_way):
                self._outbox.remove(delivered)
                delivered.clear()
            try:
                waiting = self._outbox.peek(handed, WINDOW - len(under_way)) if self._connected.is_set() else []
            except OutputError as error:
                self._report_once(str(error))
                waiting = []
            if self._repeat and not under_way:
                self._repeat = False
                if last and not waiting:
                    self._client.publish(self._topic, last, qos=0, retain=True)
            for message in waiting:
                info = self._client.publish(self._topic, message.payload, qos=1, retain=True)
                if info.rc == paho.MQTT_ERR_QUEUE_SIZE:  # no free id: try later
                    break
                under_way[info.mid] = message.place
                payloads[message.place] = message.payload
                handed = message.place
            if not under_way and not len(self._outbox):
                self._idle.set()
        self._outbox.remove(delivered)

    def _wait(self) -> list[int]:
        """Wait for a signal; returns all pending ones."""
        signals = [self._signals.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                signals.append(self._signals.get_nowait())
        return signals

    # On paho's thread

    def _on_connect(self, client: "paho.Client", _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._report_once(
                f"{self._broker.name} refuses the connection: {reason}; readings wait in {self._outbox.path}"
            )
            return
        client.subscribe(f"{self._topic}/command", qos=1)
        if self._prefix:
            client.subscribe(f"{self._prefix}/status", qos=1)
        self._repeat = True  # before the sender sees the connection, or it might repeat what it has just sent
        self._connected.set()  # before the announcement, so that a status that changes now is sent
        self._announce()
        self._report_once(f"connected to {self._broker.name}")

    def _on_connect_fail(self, _client: "paho.Client", _data: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the error
        reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or repr(error)
        self._report_once(f"{self._broker.name} cannot be reached: {reason}; readings wait in {self._outbox.path}")

    def _on_disconnect(self, _client: "paho.Client", _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        if self._connected.is_set() and not self._closing:
            self._report_once(f"the connection to {self._broker.name} is lost; readings wait in {self._outbox.path}")
        self._connected.clear()

    def _on_publish(self, _client: "paho.Client", _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        self._signals.put(mid)

    def _on_message(self, _client: "paho.Client", _data: Any, message: "paho.MQTTMessage") -> None:
        if message.topic == f"{self._topic}/command":
            if message.retain:  # it would be delivered again at each connection
                self._report_once(f"a retained message on {message.topic} is ignored: send commands without retain")
                return
            text = message.payload[:40].decode("ascii", "replace").strip().lower()
            try:
                self._commands.append(Command(text))
            except ValueError:
                self._report_once(
                    f"unknown command '{make_printable(text)}' on {message.topic}: use {', '.join(Command)}"
                )
        elif message.payload == ONLINE.encode():  # Home Assistant has started
            self._repeat = True
            self._announce()

    def _announce(self) -> None:
        """Send discovery and status, and wake the sender, which repeats the last reading if it is to.

        With QoS 0, because all of it is sent again at the next connection.
        """
        for topic, config in discovery(self._prefix, self._topic, self._number).items() if self._prefix else ():
            self._client.publish(topic, json.dumps(config), qos=0, retain=True)
        self._publish_status()
        self._signals.put(WAKE)

    def _publish_status(self) -> None:
        connected, problem = self._status
        self._client.publish(f"{self._topic}/availability", ONLINE if connected else OFFLINE, qos=0, retain=True)
        payload = {"problem": "ON" if problem else "OFF", "reason": problem}
        self._client.publish(f"{self._topic}/problem", json.dumps(payload), qos=0, retain=True)

    def _report_once(self, line: str) -> None:
        """Report a line, unless it was the last one."""
        if line != self._last_report and not self._closing:
            self._last_report = line
            self._report(line)
