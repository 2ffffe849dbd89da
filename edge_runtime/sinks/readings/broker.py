"""Where an MQTT broker is and what it is told of us: the target's text, taken apart and checked."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edge_runtime.errors import FileError, UsageError

PORTS = {"mqtt": 1883, "mqtts": 8883}  # as IANA has them
FORM = "mqtt://[USER@]HOST[:PORT]/TOPIC"
PASSWORD = "EDGE_DIGITS_MQTT_PASSWORD"  # name of the environment's variable
PASSWORD_BYTES = 65_535  # bytes: more has no place in MQTT's CONNECT
TOPIC_BYTES = 1_024  # bytes; MQTT has room for 65,535


@dataclass(frozen=True)
class Broker:
    """A broker and the topic that readings go to."""

    host: str
    port: int
    topic: str
    tls: bool
    user: str = ""  # empty: nobody in particular
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The target without user and password, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}/{self.topic}"


def parse_broker(text: str) -> Broker:
    """Take apart mqtt://[user[:password]@]host[:port]/topic; a letter that ends a part is written as %XX.

    Raises UsageError, which does not show the password.
    """
    # Cut by hand at the last @: what is wrong with the rest must not be told with a password in it.
    scheme, _, rest = text.partition("://")
    login, _, place = rest.rpartition("@")
    shown = f"{scheme}://{place}"
    try:
        parts = urlsplit(shown)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{shown!r} has no valid host and port: it looks like {FORM}") from None
    topic = unquote(parts.path.removeprefix("/"))
    if scheme not in PORTS or not host or port == 0 or parts.query or parts.fragment:
        raise UsageError(f"{shown!r} is no broker: it looks like {FORM}")
    if not topic or topic.endswith("/") or topic.startswith("$") or re.search(r"[+#\0-\x1f\x7f\ud800-\udfff]", topic):
        raise UsageError(f"{shown!r} has no topic to write to: name one such as meters/water, without + and #")
    if len(topic.encode("utf-8", "replace")) > TOPIC_BYTES:
        raise UsageError(f"the topic is longer than {TOPIC_BYTES:,} bytes")
    user, _, password = login.partition(":")
    if password and not user:
        raise UsageError(f"{shown!r} has a password and no user: it looks like {FORM}")
    return Broker(host, port or PORTS[scheme], topic, scheme == "mqtts", unquote(user), unquote(password))


def has_password(text: str) -> bool:
    """Tell whether a target's text shows a password."""
    return text.startswith(("mqtt://", "mqtts://")) and ":" in text.partition("://")[2].rpartition("@")[0]


def read_password(file: Path | None) -> str:
    """Return the password in a file, its first line, or else that in the environment; empty where there is none.

    Raises FileError.
    """
    if file is None:
        return os.environ.get(PASSWORD, "")
    try:
        with file.open("rb") as opened:
            line = opened.read(PASSWORD_BYTES + 2).partition(b"\n")[0].removesuffix(b"\r")
        password = line.decode()
    except OSError as error:
        raise FileError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FileError(f"{file} holds no password: it is no UTF-8") from None
    if not 0 < len(line) <= PASSWORD_BYTES:
        raise FileError(f"{file} holds no password: its first line is empty or longer than {PASSWORD_BYTES:,} bytes")
    return password
