"""Notifications to systemd: the protocol of sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SHARE = 4  # maximum notifications within the watchdog's time


class Notifier:
    """Sends messages to systemd; does nothing if systemd does not listen."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: may have NOTIFY_SOCKET, a path or `@name`, WATCHDOG_USEC and WATCHDOG_PID."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._pause = _watchdog_seconds(environment) / SHARE
        self._fed = float("-inf")

    def ready(self) -> None:
        """Report that the service is ready."""
        self._send("READY=1")

    def progress(self) -> None:
        """Notify the watchdog. Call it from the main loop, not from a timer; frequent calls are cheap."""
        if self._address and self._pause and time.monotonic() - self._fed >= self._pause:
            self._fed = time.monotonic()
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # systemd may be restarting: the next message reaches it.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode(), socket.MSG_DONTWAIT, self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Return the seconds until systemd kills a silent process; 0 without a watchdog."""
    pid = environment.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / 1e6
    except ValueError:
        return 0.0
