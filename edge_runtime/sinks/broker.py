"""The address of an MQTT broker, parsed and checked."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edge_runtime.common.redact import BROKER_FORM, ENCODE, redact, redact_argument
from edge_runtime.common.text import read_text
from edge_runtime.errors import FileError, UsageError

PORTS = {"mqtt": 1883, "mqtts": 8883}  # registered at IANA
PASSWORD = "EDGE_DIGITS_MQTT_PASSWORD"  # environment variable
PASSWORD_BYTES = 65_535  # bytes: the maximum in MQTT's CONNECT
PASSWORD_FILE_BYTES = 4 * PASSWORD_BYTES + 1_024  # the file may be UTF-16
TOPIC_BYTES = 1_024  # bytes; MQTT allows 65,535


@dataclass(frozen=True)
class Broker:
    """A broker and the topic of the readings."""

    host: str
    port: int
    topic: str
    tls: bool
    user: str = ""  # empty for none
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The address without user and password, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}/{self.topic}"


def parse_broker(text: str) -> Broker:
    """Parse mqtt://[user[:password]@]host[:port]/topic; special characters are written as %XX.

    Raises UsageError, which does not show the password.
    """
    if "://" not in text:
        raise UsageError(
            f"{redact_argument(text)!r} is not a broker address: it must look like {BROKER_FORM}; {ENCODE}"
        )
    # Split at the last @ first: an error message about the rest must not show a password.
    scheme, _, rest = text.partition("://")
    login, _, place = rest.rpartition("@")
    address = f"{scheme}://{place}"
    shown = redact(address)
    form = f"it must look like {BROKER_FORM}"
    form += f"; {ENCODE}" if set("/?#@") & set(login) else ""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{shown!r} has no valid host and port: {form}") from None
    topic = unquote(parts.path.removeprefix("/"))
    if scheme not in PORTS or not host or port == 0 or parts.query or parts.fragment:
        raise UsageError(f"{shown!r} is not a broker address: {form}")
    if not topic or topic.endswith("/") or topic.startswith("$") or re.search(r"[+#\0-\x1f\x7f\ud800-\udfff]", topic):
        reason = f"{shown!r} has no valid topic: name one such as meters/water, without + and #"
        raise UsageError(f"{reason}; {form}" if login else reason)
    if len(topic.encode("utf-8", "replace")) > TOPIC_BYTES:
        raise UsageError(f"the topic is longer than {TOPIC_BYTES:,} bytes")
    user, _, password = login.partition(":")
    if password and not user:
        raise UsageError(f"{shown!r} has a password but no user: {form}")
    return Broker(host, port or PORTS[scheme], topic, scheme == "mqtts", unquote(user), unquote(password))


def has_password(text: str) -> bool:
    """Return whether a target contains a password."""
    return text.startswith(("mqtt://", "mqtts://")) and ":" in text.partition("://")[2].rpartition("@")[0]


def read_password(file: Path | None) -> str:
    """Return the password: the first line of a file, or else the environment variable; empty for none.

    Raises FileError.
    """
    if file is None:
        return os.environ.get(PASSWORD, "")
    password = read_text(file, PASSWORD_FILE_BYTES).partition("\n")[0]
    if not 0 < len(password.encode()) <= PASSWORD_BYTES:
        raise FileError(f"{file} contains no password: its first line is empty or longer than {PASSWORD_BYTES:,} bytes")
    return password
