"""Network cameras over HTTP: MJPEG streams, and addresses that return one image per request.

Everything is bounded: the bytes of an image, which are checked at its header, the number of header lines and redirects,
and the time of each step, which slow senders cannot prolong. No message shows the address.
"""

import io
import socket
import ssl
import time
import urllib.request
import warnings
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit

from edge_runtime import limits
from edge_runtime.errors import InputError, SourceError, TooLargeError
from edge_runtime.images.files import decode_gray
from edge_runtime.sources.live import Shot

BLOCK = 64 * 1024  # bytes read at once
LINE_BYTES = 8 * 1024  # bytes: maximum length of a line of a part's header
LINES = 64  # maximum number of lines of a part's header
PAUSE_SECONDS = (0.2, 1.0)  # between two requests for single images: minimum and maximum
REASONS = {
    401: "it refuses the user or password (401)",
    403: "it forbids this (403)",
    404: "it has nothing at this path (404)",
}
# The standard library warns about cameras that send a realm without quotes.
warnings.filterwarnings("ignore", "Basic Auth Realm was unquoted", UserWarning)


class WebCamera:
    """Implements Camera."""

    def __init__(self, url: str, name: str, fps: float | None = None) -> None:
        """Connect and read the first image; raises SourceError, which shows `name` instead of the address.

        fps: maximum images per second that are needed; single images are not requested more often.
        """
        self._name = name
        self._clock = _Clock()
        self._clock.allow(limits.OPEN_SECONDS)
        self._pause = min(PAUSE_SECONDS[1], max(PAUSE_SECONDS[0], 1 / fps if fps else 0.0))
        self._parts: _Parts | None = None  # None if each image needs its own request
        self._asked = 0.0
        try:
            parts = urlsplit(url)
            self._url = parts._replace(
                netloc=parts.netloc.rpartition("@")[2],
                path=quote(parts.path, safe="/%:=&~+!$,;'@()*"),
                query=quote(parts.query, safe="/?%:=&~+!$,;'@()*[]"),
                fragment="",
            ).geturl()
            login = (unquote(parts.username or ""), unquote(parts.password or ""))
            self._opener = _build_opener(self._clock, self._url, login if parts.username is not None else None)
        except ValueError:
            raise SourceError(f"{name} cannot be opened: its address is invalid") from None
        try:
            self._first: Shot | None = self._next()
        except InputError as error:
            self.close()
            raise SourceError(f"{name} cannot be opened: it does not send an image: {error}") from None
        except SourceError as error:
            self.close()
            raise SourceError(f"{name} cannot be opened: {error}") from None
        if self._first is None:
            self.close()
            raise SourceError(f"{name} cannot be opened: it sends no image")

    def grab(self) -> Shot | None:
        """See Camera.grab."""
        if self._first is not None:
            shot, self._first = self._first, None
            return shot
        if self._parts is None:
            time.sleep(max(0.0, self._asked + self._pause - time.monotonic()))
        self._clock.allow(limits.READ_SECONDS)
        try:
            return self._next()
        except SourceError as error:
            raise SourceError(f"{self._name} fails: {error}") from None

    def close(self) -> None:
        """See Camera.close."""
        if self._parts is not None:
            self._parts.close()

    def _next(self) -> Shot | None:
        """Return the next image; raises SourceError if the connection fails, InputError for a broken image."""
        try:
            data = self._parts.next() if self._parts is not None else self._request()
        except HTTPError as error:
            error.close()
            raise SourceError(REASONS.get(error.code, f"it answers with status {error.code}")) from None
        except TooLargeError as error:
            raise SourceError(str(error)) from None
        except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError
            if isinstance(error, SourceError):
                raise
            raise SourceError(_reason(error)) from None
        return None if data is None else Shot(decode_gray(data), time.monotonic())

    def _request(self) -> bytes | None:
        """Request an image; if the response is a stream, return its first image."""
        self._asked = time.monotonic()
        response: HTTPResponse = self._opener.open(urllib.request.Request(self._url), timeout=self._clock.left())
        body = _Body(response)
        try:
            if body.peek(16).lstrip(b"\r\n").startswith(b"--"):
                self._parts = _Parts(body)
                return self._parts.next()
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind.startswith(("video/", "audio/", "text/html")) and kind.isprintable():
                raise SourceError(f"it sends {kind[:40]}, not MJPEG or an image: try its rtsp:// address")
            length = response.headers.get("Content-Length", "")
            return body.all(int(length) if length.isdecimal() else None)
        finally:
            if self._parts is None:
                response.close()


class _Parts:
    """The parts of a multipart/x-mixed-replace body, as in RFC 2046 and as cameras send them."""

    def __init__(self, body: "_Body") -> None:
        self._body = body

    def next(self) -> bytes | None:
        """Return the next part; None at the end. Raises TooLargeError if its header announces too many bytes."""
        body, skipped = self._body, 0
        while not (line := body.line()).startswith(b"--"):
            skipped += len(line)
            if not line or skipped > limits.FILE_BYTES:
                return None
        delimiter, length = line.strip(), None
        for _ in range(LINES):
            name, _, value = body.line().partition(b":")
            if not name.strip():
                break
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
        else:
            raise SourceError("it sends a part with an endless header")
        return body.exactly(length) if length is not None else body.until(b"\n" + delimiter)

    def close(self) -> None:
        self._body.close()


class _Body:
    """The body of a response, read in blocks of bounded size."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._data = bytearray()

    def peek(self, count: int) -> bytes:
        while len(self._data) < count and self._more():
            pass
        return bytes(self._data[:count])

    def line(self) -> bytes:
        """Return a line with its newline, at most LINE_BYTES; empty at the end of the body."""
        start = 0
        while (end := self._data.find(b"\n", start, LINE_BYTES)) < 0 and len(self._data) < LINE_BYTES:
            start = len(self._data)
            if not self._more():
                break
        return self._take(end + 1 if end >= 0 else min(LINE_BYTES, len(self._data)))

    def exactly(self, count: int) -> bytes | None:
        """Return `count` bytes; None if the body ends before."""
        if count > limits.FILE_BYTES:
            raise _too_large(count)
        while len(self._data) < count:
            if not self._more():
                return None
        return self._take(count)

    def until(self, mark: bytes) -> bytes | None:
        """Return the bytes before a mark, without the carriage return before it; None if there is no mark."""
        start = 0
        while (end := self._data.find(mark, start)) < 0:
            start = max(0, len(self._data) - len(mark))
            if len(self._data) > limits.FILE_BYTES:
                raise _too_large(len(self._data))
            if not self._more():
                return None
        return self._take(end).removesuffix(b"\r")

    def all(self, length: int | None) -> bytes:
        """Return the whole body. length: announced by the server."""
        if length is not None and length > limits.FILE_BYTES:
            raise _too_large(length)
        while self._more():
            if len(self._data) > limits.FILE_BYTES:
                raise _too_large(len(self._data))
        return self._take(len(self._data))

    def close(self) -> None:
        self._response.close()

    def _more(self) -> bool:
        try:
            block = self._response.read1(BLOCK)
        except IncompleteRead:
            return False
        self._data += block
        return bool(block)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken


def _too_large(length: int) -> TooLargeError:
    return TooLargeError(f"it announces an image of {length:,} bytes; at most {limits.FILE_BYTES:,} are read")


def _reason(error: Exception) -> str:
    """Return why a request failed. Messages of the library are not used, as they may show the address."""
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, HTTPException):
        return f"it does not speak HTTP ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"it sends an unexpected response ({type(error).__name__})"


# The HTTP client of the standard library, with a time limit for each image.


class _Clock:
    """Deadline of the current step."""

    def __init__(self) -> None:
        self._ends = 0.0

    def allow(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return the remaining seconds, > 0; raises TimeoutError."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Socket:
    """The part of a connected socket that http.client uses."""

    def __init__(self, inner: socket.socket, clock: _Clock) -> None:
        self._inner, self._clock, self._reader = inner, clock, False

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(self._clock.left())
        self._inner.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._reader = True
        return io.BufferedReader(_Reader(self._inner, self._clock), BLOCK)

    def close(self) -> None:
        if not self._reader:  # otherwise the reader closes the socket
            self._inner.close()


class _Reader(io.RawIOBase):
    def __init__(self, inner: socket.socket, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._inner.settimeout(self._clock.left())
        return self._inner.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _Http(HTTPConnection):
    """Reads with a deadline."""

    def __init__(self, *arguments: Any, clock: _Clock, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._clock = clock

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _Socket(self.sock, self._clock)


class _Https(_Http, HTTPSConnection):
    """The same over TLS: HTTPSConnection comes next in the order of methods."""


class _Connections(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections with a deadline. Certificates are not checked, as cameras sign their own."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock
        self._unchecked = ssl.create_default_context()
        self._unchecked.check_hostname = False
        self._unchecked.verify_mode = ssl.CERT_NONE

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(cast(Any, _Http), req, clock=self._clock)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(cast(Any, _Https), req, clock=self._clock, context=self._unchecked)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()  # so that its body, of any length, is not read
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Basic(urllib.request.HTTPBasicAuthHandler):
    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()  # closes its connection
        return super().http_error_401(req, fp, code, msg, headers)


class _Digest(urllib.request.HTTPDigestAuthHandler):
    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()
        return super().http_error_401(req, fp, code, msg, headers)


def _build_opener(clock: _Clock, url: str, login: tuple[str, str] | None) -> urllib.request.OpenerDirector:
    """Return an opener that follows redirects to http and https, and logs in only at the host of the address."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if login is not None:
        passwords.add_password(None, url, *login)
        passwords.add_password(None, urlsplit(url)._replace(path="/", query="").geturl(), *login)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Connections(clock),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        _Basic(passwords),
        _Digest(passwords),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "edge-digits")]
    return opener
