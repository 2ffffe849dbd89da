"""What a service tells systemd: the protocol of sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SHARE = 4  # times within the watchdog's time that it is fed, at most


class Notifier:
    """Sends messages to systemd; does nothing where no systemd listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: has NOTIFY_SOCKET, a path or `@name`, and WATCHDOG_USEC and WATCHDOG_PID, or not."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._pause = _watchdog_seconds(environment) / SHARE
        self._fed = float("-inf")

    def ready(self) -> None:
        """Tell that the service is ready."""
        self._send("READY=1")

    def progress(self) -> None:
        """Feed the watchdog. To be called from the main loop, never from a timer; cheap, however often."""
        if self._address and self._pause and time.monotonic() - self._fed >= self._pause:
            self._fed = time.monotonic()
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Tell that the service is stopping."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # systemd may be restarting: the next message reaches it.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode(), socket.MSG_DONTWAIT, self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Seconds until systemd kills a silent process; 0 without a watchdog."""
    pid = environment.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / 1e6
    except ValueError:
        return 0.0
