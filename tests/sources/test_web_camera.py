"""Cameras over HTTP: what real ones send, what faulty and hostile ones send, and how they ask for a password."""

import base64
import hashlib
import re
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack, suppress

import cv2
import numpy as np
import pytest

from edge_runtime import limits
from edge_runtime.errors import InputError, SourceError
from edge_runtime.sources import live, web
from edge_runtime.sources.opened import open_source
from tests.conftest import program

SECRET = "hunter2"
OK = b"HTTP/1.1 200 OK\r\n"
MJPEG = OK + b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
PATIENCE = 20.0  # seconds: longer than anything takes


def jpeg(shade):
    return cv2.imencode(".jpg", np.full((24, 32), shade, np.uint8))[1].tobytes()


PICTURES = [jpeg(shade) for shade in (10, 20, 30, 40)]


class Server:
    """A camera's web server that answers each request with the bytes a test gives, and keeps the requests."""

    def __init__(self, answer, context=None):
        """answer: takes a request's text and yields bytes, then the connection is closed."""
        self._answer, self._context = answer, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests, self.sent = [], 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, connection):
        with suppress(OSError), ExitStack() as stack:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            stack.enter_context(connection)
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536)
            self.requests.append(request.decode())
            for data in self._answer(request.decode()):
                connection.sendall(data)
                self.sent += len(data)


@pytest.fixture
def serve():
    servers = []

    def start(answer, context=None):
        if isinstance(answer, bytes):
            data = answer
            answer = lambda request: iter([data])  # noqa: E731
        servers.append(Server(answer, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(limits, "OPEN_SECONDS", 1.0)
    monkeypatch.setattr(limits, "READ_SECONDS", 1.0)
    monkeypatch.setattr(live, "BACKOFF", (0.05, 0.1))
    monkeypatch.setattr(web, "PAUSE_SECONDS", (0.01, 0.01))


def shades(camera, count):
    return [round(float(camera.grab().image.mean())) for _ in range(count)]


def camera(url):
    return web.WebCamera(url, "camera")


# What cameras send


def part(picture, *lines, end=b"\r\n"):
    length = b"Content-Length: %d" % len(picture)
    return end.join([b"--frame", b"Content-Type: image/jpeg", *(lines or (length,)), b"", picture, b""])


STREAMS = {
    "as most cameras": [part(each) for each in PICTURES],
    "lines that end with LF alone": [part(each, end=b"\n") for each in PICTURES],
    "small letters and spaces": [part(each, b"content-length :  %d " % len(each)) for each in PICTURES],
    "no length": [part(each, b"X-Time: 1") for each in PICTURES] + [b"--frame--\r\n"],
    "no length, LF alone": [part(each, b"X-Time: 1", end=b"\n") for each in PICTURES] + [b"--frame--\n"],
    "dashes in the boundary": [part(each).replace(b"--frame", b"----frame") for each in PICTURES],
    "empty lines and a preamble": [b"\r\n\r\n", *(part(each) + b"\r\n" for each in PICTURES)],
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("chunked", [False, True])
def test_streams_are_read_as_cameras_send_them(serve, kind, chunked):
    body = b"".join(STREAMS[kind])
    head = MJPEG
    if chunked:
        head = head.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
    opened = camera(f"http://{serve(head + body).place}/video")
    assert shades(opened, 4) == [10, 20, 30, 40]
    assert opened.grab() is None, "the stream has ended"
    opened.close()


def test_a_snapshot_address_is_a_camera_without_warnings(serve):
    numbers = iter(range(1000))

    def answer(request):
        picture = PICTURES[next(numbers) % 4]
        yield OK + b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture

    told = []
    source = open_source(f"http://{serve(answer).place}/capture.jpg?size=2", told.append)
    frames = filter(None, source.frames())
    seen = {round(float(next(frames).image.mean())) for _ in range(8)}
    assert len(seen) > 1, "it was asked again"
    assert source.close()
    assert told == []
    assert source.reconnected == 0


@pytest.mark.parametrize("kind", [b"application/octet-stream", b"image/png", None])
def test_the_content_type_of_an_image_is_ignored(serve, kind):
    head = OK + (b"Content-Type: " + kind + b"\r\n" if kind else b"") + b"\r\n"
    assert shades(camera(f"http://{serve(head + PICTURES[1]).place}/"), 3) == [20, 20, 20]


def test_images_are_requested_no_more_often_than_needed(serve, monkeypatch):
    monkeypatch.setattr(web, "PAUSE_SECONDS", (0.1, 0.3))
    began, server = time.monotonic(), serve(OK + b"\r\n" + PICTURES[0])
    opened = web.WebCamera(f"http://{server.place}/", "camera", fps=0.01)
    shades(opened, 3)
    assert time.monotonic() - began >= 0.6


def test_odd_letters_in_an_address_reach_the_server(serve):
    server = serve(OK + b"\r\n" + PICTURES[0])
    camera(f"http://{server.place}/a b/ü?x=1 2&y=%20#part")
    assert server.requests[0].startswith("GET /a%20b/%C3%BC?x=1%202&y=%20 HTTP/1.1\r\n")


@pytest.fixture
def tls(tmp_path):
    command = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=camera", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return context


def test_a_camera_may_sign_its_own_certificate(serve, tls):
    server = serve(MJPEG + b"".join(STREAMS["as most cameras"]), tls)
    assert shades(camera(f"https://{server.place}/"), 4) == [10, 20, 30, 40]


# Bounds


def endless(head, block):
    def answer(request):
        yield head
        while True:
            yield block

    return answer


ZEROS = bytes(1 << 16)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless(MJPEG + b"--frame\r\nContent-Length: 2147483648\r\n\r\n", ZEROS), "announces an image of 2,147"),
        (endless(MJPEG + b"--frame\r\nContent-Length: " + b"9" * 4000 + b"\r\n\r\n", ZEROS), "announces an image"),
        (endless(OK + b"Content-Type: image/jpeg\r\nContent-Length: 2147483648\r\n\r\n", ZEROS), "announces an image"),
        (endless(MJPEG + b"--frame\r\n", b"X-More: " + b"1" * 100 + b"\r\n"), "sends a part with an endless header"),
        (endless(OK + b"Content-Type: video/mp4\r\n\r\n", ZEROS), "sends video/mp4, not MJPEG"),
        (endless(OK + b"Content-Type: text/html\r\n\r\n", b"<html>"), "sends text/html"),
        (endless(OK, b"X-More: 1\r\n"), "does not speak HTTP"),
        (endless(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"), "does not answer in time"),
        (endless(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n', ZEROS), r"refuses the user"),
        (endless(b"HTTP/1.1 500 No\r\n\r\n", ZEROS), "answers with status 500"),
    ],
)
def test_oversized_parts_are_refused_at_their_header(serve, answer, reason):
    server = serve(answer)
    with pytest.raises(SourceError, match=f"^camera cannot be opened: it {reason}"):
        camera(f"http://u:{SECRET}@{server.place}/")
    assert server.sent < 16 << 20, "what the kernel holds on its way, at most"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless(OK + b"Content-Type: image/jpeg\r\n\r\n", ZEROS), "announces an image"),
        (endless(MJPEG + b"--frame\r\n\r\n", ZEROS), "announces an image"),
        (endless(MJPEG, ZEROS), "(announces|sends no image)"),
        (endless(MJPEG + b"--frame\r\n\r\n", b"--" * 1000), "announces an image"),
    ],
)
def test_endless_bodies_are_refused_at_the_limit(serve, monkeypatch, answer, reason):
    monkeypatch.setattr(limits, "FILE_BYTES", 1 << 20)
    monkeypatch.setattr(limits, "OPEN_SECONDS", PATIENCE)
    server = serve(answer)
    with pytest.raises(SourceError, match=reason):
        camera(f"http://{server.place}/")
    assert server.sent < 32 << 20


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 ", OK + b"X: ", MJPEG + b"--fr", MJPEG + b"--frame\r\n", OK + b"\r\n" + PICTURES[0][:50]]
)
def test_a_trickle_of_bytes_does_not_prolong_the_time(serve, monkeypatch, head):
    monkeypatch.setattr(limits, "OPEN_SECONDS", 0.3)

    def answer(request):
        yield head
        while True:
            time.sleep(0.05)
            yield b"1"

    with pytest.raises(SourceError, match="does not answer in time"):
        camera(f"http://{serve(answer).place}/")


def test_a_stream_that_falls_silent_fails(serve):
    stop = threading.Event()

    def answer(request):
        yield MJPEG + part(PICTURES[0])
        stop.wait(PATIENCE)

    opened = camera(f"http://{serve(answer).place}/")
    opened.grab()
    with pytest.raises(SourceError, match="camera fails: it does not answer in time"):
        opened.grab()
    stop.set()


def test_a_broken_image_is_skipped_and_reported(serve):
    broken = [b"", b"no picture", PICTURES[1][:-20], PICTURES[1][:100]]
    body = b"".join(map(part, [PICTURES[0], *broken, PICTURES[3]]))
    opened = camera(f"http://{serve(MJPEG + body).place}/")
    assert shades(opened, 1) == [10]
    for _ in broken:
        with pytest.raises(InputError):
            opened.grab()
    assert shades(opened, 1) == [40]

    stop, told = threading.Event(), []

    def answer(request):
        yield MJPEG + body * 5
        stop.wait(PATIENCE)

    source = open_source(f"http://{serve(answer).place}/", told.append)
    frames = source.frames()
    ends = time.monotonic() + PATIENCE
    while source.broken < 20 or not told:
        next(frames)
        assert time.monotonic() < ends
    assert source.reconnected == 0
    assert [line for line in told if "sends broken images" in line] == told
    assert len(told) == 1
    source.close()
    stop.set()


def test_a_camera_that_sends_only_broken_images_has_failed(serve, monkeypatch):
    monkeypatch.setattr(limits, "READ_SECONDS", 0.2)
    told = []
    source = open_source(f"http://{serve(endless(MJPEG + part(PICTURES[0]), part(b'no picture'))).place}/", told.append)
    frames = source.frames()
    ends = time.monotonic() + PATIENCE
    while not any("sends no image that can be decoded" in line for line in told):
        next(frames)
        assert time.monotonic() < ends
    source.close()


@pytest.mark.parametrize("data", [b"", OK, b"SSH-2.0-OpenSSH\r\n", OK + b"\r\n", MJPEG, MJPEG + b"--frame--\r\n"])
def test_a_server_that_is_not_a_camera_is_reported(serve, data):
    with pytest.raises(SourceError, match=r"^camera cannot be opened: "):
        camera(f"http://{serve(data).place}/")


# Passwords and redirects


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_password_is_sent_when_it_is_asked_for(serve):
    def answer(request):
        if basic("us er", f"{SECRET}/@:?") in request:
            yield OK + b"\r\n" + PICTURES[0]
        yield b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="camera"\r\nContent-Length: 0\r\n\r\n'

    server = serve(answer)
    opened = camera(f"http://us%20er:{SECRET}%2F%40%3A%3F@{server.place}/")
    assert shades(opened, 2) == [10, 10]
    with pytest.raises(SourceError, match=r"it refuses the user or password \(401\)"):
        camera(f"http://us%20er:wrong@{server.place}/")


@pytest.mark.parametrize("qop", ["", ', qop="auth"', ', qop="auth,auth-int"'])
def test_a_digest_is_sent_when_it_is_asked_for(serve, qop):
    def md5(*parts):
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    def answer(request):
        given = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', request.partition("Authorization: Digest ")[2]))
        if given:
            assert SECRET not in request
            ours = md5("user", "camera", SECRET), md5("GET", given["uri"])
            middle = (given["nonce"], given["nc"], given["cnonce"], "auth") if qop else (given["nonce"],)
            if given["response"] == md5(ours[0], *middle, ours[1]):
                yield OK + b"\r\n" + PICTURES[2]
                return
        challenge = f'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="camera", nonce="abc"{qop}\r\n\r\n'
        yield challenge.encode()

    server = serve(answer)
    assert shades(camera(f"http://user:{SECRET}@{server.place}/a?b=c"), 3) == [30, 30, 30]
    with pytest.raises(SourceError, match="refuses the user or password"):
        camera(f"http://user:wrong@{server.place}/a")


@pytest.mark.parametrize("challenge", ["Bearer", 'Digest realm="c", nonce="n", algorithm=SHA-512-256', "Digest", ""])
def test_a_refused_login_is_reported_in_one_line(serve, challenge):
    server = serve(f"HTTP/1.1 401 No\r\nWWW-Authenticate: {challenge}\r\n\r\n".encode())
    with pytest.raises(SourceError, match=r"^camera cannot be opened: it [a-zA-Z0-9 ()]+$"):
        camera(f"http://user:{SECRET}@{server.place}/")


def test_a_redirect_is_followed_and_takes_no_password_to_another_host(serve):
    def target(request):
        if "Authorization" not in request:
            yield b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
        yield OK + b"\r\n" + PICTURES[0]

    other = serve(target)
    server = serve(f"HTTP/1.1 302 Found\r\nLocation: http://{other.place}/x\r\n\r\n".encode() + ZEROS)
    with pytest.raises(SourceError, match="refuses the user or password"):
        camera(f"http://user:{SECRET}@{server.place}/")
    assert not any("Authorization" in request for request in other.requests)
    plain = serve(OK + b"\r\n" + PICTURES[3])
    server = serve(f"HTTP/1.1 307 Found\r\nLocation: http://{plain.place}/x\r\n\r\n".encode())
    assert shades(camera(f"http://{server.place}/"), 2) == [40, 40]


@pytest.mark.parametrize("target", ["/again", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "//[", "\x00"])
def test_a_redirect_to_nowhere_is_one_line(serve, target):
    server = serve(endless(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n\r\n".encode(), ZEROS))
    with pytest.raises(SourceError, match=r"^camera cannot be opened: [^\n]+$") as caught:
        camera(f"http://user:{SECRET}@{server.place}/")
    assert "etc" not in str(caught.value)
    assert len(server.requests) < 15
    assert server.sent < 64 << 20


def test_missing_addresses_are_reported(serve):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError, match="camera cannot be opened: Connection refused"):
        camera(f"http://127.0.0.1:{port}/")
    with pytest.raises(SourceError, match=r"camera cannot be opened: it has nothing at this path \(404\)"):
        camera(f"http://{serve(b'HTTP/1.1 404 No' + bytes([13, 10, 13, 10])).place}/")
