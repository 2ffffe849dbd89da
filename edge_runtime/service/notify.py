"""What a service tells systemd, by its protocol of datagrams: sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SHARE = 4  # times within the watchdog's time that it is fed, at most


class Notifier:
    """Tells systemd how it goes; says nothing where no systemd listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: has NOTIFY_SOCKET, a path or `@name`, and WATCHDOG_USEC and WATCHDOG_PID, or not."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._pause = _watchdog_seconds(environment) / SHARE
        self._fed = float("-inf")

    def ready(self) -> None:
        """Say that the service does its work."""
        self._send("READY=1")

    def progress(self) -> None:
        """Feed the watchdog: to be called from the work itself, never from a clock. Cheap, however often."""
        if self._address and self._pause and time.monotonic() - self._fed >= self._pause:
            self._fed = time.monotonic()
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the service ends on purpose."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # systemd restarts itself, too: the next message finds it.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode(), socket.MSG_DONTWAIT, self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Seconds until systemd takes the process for hung; 0 where nobody watches it."""
    pid = environment.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / 1e6
    except ValueError:
        return 0.0
