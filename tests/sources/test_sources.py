"""Sources of frames: one contract over all that can run here, from real encoded streams, and failures of live ones."""

import base64
import http.server
import importlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader, limits
from edge_runtime.errors import FileError, InputError, MissingLibraryError, SourceError, TooLargeError, UsageError
from edge_runtime.images.part import Part
from edge_runtime.sources import live, web
from edge_runtime.sources.fake import Fake, parse_plan
from edge_runtime.sources.live import Live, Shot
from edge_runtime.sources.opened import hide_secrets, open_source
from edge_runtime.sources.pace import limit_rate
from edge_runtime.sources.view import View
from tests.conftest import ROOT, program, skip

SYSTEM_PYTHON = "/usr/bin/python3"  # which has Debian's bindings of GStreamer
DIGITS = "20746"
SECRET = "hunter2"
PATIENCE = 20.0  # seconds: longer than anything takes, on however busy a machine


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Fifty JPEG images of a page that moves: 00000.jpg and on."""
    folder = tmp_path_factory.mktemp("images")
    fake = Fake(parse_plan(f"digits={DIGITS},move=20"))
    for number in range(50):
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), fake.image(fake.started + number / 25, number))
    return folder


@pytest.fixture(scope="session")
def film(images):
    """The same as H.264 in MP4."""
    path = images.parent / "film.mp4"
    command = [program("ffmpeg"), "-loglevel", "error", "-framerate", "25", "-i", images / "%05d.jpg"]
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-y", path], check=True)
    return path


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def mjpeg(images, port=0):
    """FFmpeg as a camera that serves a single connection: one that is probed first would be refused."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [program("ffmpeg"), "-loglevel", "error", "-re", "-stream_loop", "-1", "-framerate", "25"]
    command += ["-i", str(images / "%05d.jpg"), "-c:v", "copy", "-f", "mpjpeg", "-listen", "1", url]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: listens(port))
            yield url, server
        finally:
            server.kill()


def listens(port):
    """Whether somebody listens, without a connection that would use up the only one."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)


@contextmanager
def rtsp(images, codec, port=0):
    """GStreamer as a network camera."""
    bindings = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if subprocess.run([SYSTEM_PYTHON, "-c", bindings], capture_output=True, check=False).returncode:
        skip("needs the Debian packages python3-gi and gir1.2-gst-rtsp-server-1.0")
    command = [SYSTEM_PYTHON, ROOT / "tests" / "rtsp_server.py", images, codec, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield f"rtsp://user:{SECRET}@127.0.0.1:{int(server.stdout.readline())}/live", server
        finally:
            server.kill()


def wait_for(condition):
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def some(source, count):
    """The first frames of a source."""
    frames, ends = [], time.monotonic() + PATIENCE
    for frame in source.frames():
        if frame is not None:
            frames.append(frame)
        if len(frames) == count:
            return frames
        assert time.monotonic() < ends, f"{len(frames)} frames"
    return frames


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


KINDS = ("folder", "film", "http", "http, one by one", "rtsp, jpeg", "rtsp, h264", "fake", "picamera2")


@pytest.fixture(params=KINDS)
def text(request, images):
    """What a user names each kind of source."""
    kind = request.param
    if kind == "folder":
        yield str(images)
    elif kind == "film":
        yield str(request.getfixturevalue("film"))
    elif kind == "http":
        with mjpeg(images) as (url, _):
            yield url
    elif kind == "http, one by one":
        request.getfixturevalue("monkeypatch").setattr(web, "PAUSE_SECONDS", (0.02, 0.02))
        yield f"http://user:{SECRET}@127.0.0.1:{request.getfixturevalue('guarded').server_port}/shot.jpg"
    elif kind.startswith("rtsp"):
        with rtsp(images, kind.split()[1]) as (url, _):
            yield url
    elif kind == "fake":
        yield f"fake:digits={DIGITS},move=20"
    else:
        if not has_virtual_camera():
            # Debian has no package of such a camera, and .ci/run cannot install one.
            pytest.skip("needs picamera2 and a camera, such as libcamera's virtual one")
        yield "picamera2"


def has_virtual_camera():
    look = "import picamera2; raise SystemExit(not picamera2.Picamera2.global_camera_info())"
    return subprocess.run([sys.executable, "-c", look], capture_output=True, check=False).returncode == 0


def test_every_source_keeps_the_contract(text):
    threads, files = threading.active_count(), descriptors()
    began = time.monotonic()
    source = open_source(text)
    assert SECRET not in source.name
    frames = some(source, 12)
    numbers, times = [frame.number for frame in frames], [frame.time for frame in frames]
    assert numbers == sorted(set(numbers))
    assert times == sorted(times)
    assert began <= times[0] <= times[-1] <= time.monotonic()
    for frame in frames:
        assert (frame.image.shape, frame.image.dtype) == ((480, 640), np.uint8)
        assert frame.image.flags.c_contiguous
    if "picamera2" not in text:  # nobody knows what stands before it
        assert Reader(Classifier()).read(frames[-1].image, "page").text == DIGITS
    assert source.close()
    del frames
    wait_for(lambda: threading.active_count() == threads)  # the camera's server may still end its last answer
    assert threading.active_count() == threads
    assert descriptors() <= files
    assert source.close(), "a second time does no harm"


STUB = """
import time
import numpy as np

log = []

class Request:
    def __init__(self, number):
        self.number = number
    def make_array(self, name):
        padded = np.full((720, 704), 99, np.uint8)  # Y over U and V, rows of 704 bytes
        padded[:480, :640] = 7
        return padded if name == "lores" else None
    def get_metadata(self):
        return {"SensorTimestamp": time.monotonic_ns() - 50_000_000}
    def release(self):
        log.append("release")

class Picamera2:
    def __init__(self, camera_num=0):
        if camera_num > 0:
            raise IndexError("list index out of range")
    def create_video_configuration(self, main, lores=None, buffer_count=6, queue=True):
        return lores["size"], lores["format"], buffer_count, queue
    def configure(self, configuration):
        log.append(configuration)
    def start(self):
        log.append("start")
    def capture_request(self, wait=None):
        time.sleep(0.01)
        log.append("request")
        return Request(len(log))
    def stop(self):
        log.append("stop")
    def close(self):
        log.append("close")
"""


def test_picamera2_is_used_as_its_documentation_says(tmp_path, monkeypatch):
    # With the names and arguments of picamera2 0.3.38. It proves no camera; the contract's test does, where one is.
    (tmp_path / "picamera2.py").write_text(STUB)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("picamera2", "edge_runtime.sources.picamera"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    picamera = importlib.import_module("edge_runtime.sources.picamera")
    monkeypatch.setattr(picamera, "SETTLE_SECONDS", 0.1)
    source = open_source("picamera2")
    for frame in some(source, 3):
        assert frame.image.shape == (480, 640)
        assert (frame.image == 7).all(), "the padding is cut off"
        assert 0.04 < time.monotonic() - frame.time < PATIENCE
    assert source.close()
    log = sys.modules["picamera2"].log
    assert log[:2] == [((640, 480), "YUV420", 4, False), "start"]
    assert log[-2:] == ["stop", "close"]
    assert log.count("release") == log.count("request") > 3, "and those before the exposure settled were left out"
    with pytest.raises(SourceError, match="no camera picamera2:1"):
        some(open_source("picamera2:1"), 1)


def test_a_missing_picamera2_is_reported_with_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.delitem(sys.modules, "edge_runtime.sources.picamera", raising=False)
    with pytest.raises(MissingLibraryError, match="apt install python3-picamera2"):
        some(open_source("picamera2"), 1)


@pytest.mark.parametrize("kind", ["folder", "film"])
def test_stored_sources_yield_every_frame(kind, images, request):
    source = open_source(str(images if kind == "folder" else request.getfixturevalue("film")))
    frames = some(source, 1000)
    assert [frame.number for frame in frames] == list(range(50))
    wanted = [None] * 50 if kind == "folder" else [pytest.approx(number / 25) for number in range(50)]
    assert [frame.position for frame in frames] == wanted
    # In order: each is nearest to the picture that it was made of.
    small = [cv2.resize(cv2.imread(str(path), 0), (80, 60)) for path in sorted(images.glob("*.jpg"))]
    for number in (0, 7, 20, 49):
        seen = cv2.resize(frames[number].image, (80, 60))
        apart = [float(np.abs(seen.astype(int) - each).mean()) for each in small]
        assert apart[number] <= min(apart) + 0.1


def test_a_reading_of_a_video_has_its_position(run_here, film):
    lines = run_here("watch", film, "--json", "--backend", "litert").stdout.splitlines()
    (reading,) = map(json.loads, lines[:-1])
    assert (reading["text"], reading["frame"], reading["position"]) == (DIGITS, 4, 0.16)


def test_a_slow_consumer_gets_the_newest_frame(images):
    with mjpeg(images) as (url, _):
        source = open_source(url)
        frames = filter(None, source.frames())
        first = next(frames)
        time.sleep(1.5)
        asked = time.monotonic()
        late = next(frames)
        assert late.number > first.number + 10, "the ones between were dropped"
        assert late.time > asked - 1.0, "and no frame of the first is left"
        source.close()


def test_a_stream_that_ends_is_opened_again(images):
    port, told = free_port(), []
    with mjpeg(images, port) as (url, _):
        source = open_source(url, told.append)
        frames = filter(None, source.frames())
        before = next(frames)
    with mjpeg(images, port):
        ends = time.monotonic() + PATIENCE
        while not source.reconnected:
            last = next(frames)
            assert time.monotonic() < ends
        after = next(frames)
    assert after.number > last.number >= before.number, "numbers go on"
    assert any("ended" in line and "again in" in line for line in told)
    assert source.close()


def test_a_stream_that_falls_silent_is_opened_again(images, monkeypatch):
    monkeypatch.setattr(limits, "OPEN_SECONDS", 1.0)
    monkeypatch.setattr(limits, "READ_SECONDS", 1.0)
    told = []
    with rtsp(images, "jpeg") as (url, server):
        source = open_source(url, told.append, wait=True)
        frames = source.frames()
        while next(frames) is None:
            pass
        server.send_signal(signal.SIGSTOP)
        ends = time.monotonic() + PATIENCE
        while not told:
            next(frames)
            assert time.monotonic() < ends
        server.send_signal(signal.SIGCONT)
        again = source.reconnected
        while source.reconnected == again or next(frames) is None:
            next(frames)
            assert time.monotonic() < ends + PATIENCE
        source.close()
    assert SECRET not in "".join(told)


def test_a_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(limits, "OPEN_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = open_source(f"http://user:{SECRET}@127.0.0.1:{port}/video?token={SECRET}")
        with pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+/video cannot be opened") as caught:
            some(source, 1)
        assert SECRET not in str(caught.value)
        source.close()


class Guarded(http.server.BaseHTTPRequestHandler):
    """MJPEG, or a picture a request, for those who know the password."""

    def do_GET(self):
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/shot.jpg":
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(self.server.picture)
            return
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            while True:
                picture = self.server.picture
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(0.03)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def guarded(images):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    server.daemon_threads = True
    server.picture = (images / "00000.jpg").read_bytes()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_password_opens_a_camera(guarded):
    source = open_source(f"http://user:{SECRET}@127.0.0.1:{guarded.server_port}/cam")
    assert some(source, 2)[1].image.shape == (480, 640)
    assert source.close()


@pytest.mark.parametrize("option", ["--json", "--debug"])
def test_a_password_appears_in_no_message(run_here, guarded, option):
    place = f"127.0.0.1:{guarded.server_port}/cam"
    url = f"http://user:wrong-{SECRET}@{place}?pwd={SECRET}"
    done = run_here("watch", url, option, "--backend", "litert", code=1)
    assert f"error: http://{place} cannot be opened" in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://user:pw@cam.local:554/live", "rtsp://cam.local:554/live"),
        ("http://cam/videostream.cgi?user=admin&pwd=pw", "http://cam/videostream.cgi"),
        ("rtsp://10.0.0.2:554/user=admin_password=pw_channel=1.sdp", "rtsp://10.0.0.2:554/..."),
        ("rtsp://us%40er:p%3Aw@[fe80::1]:8554/a#pw", "rtsp://[fe80::1]:8554/a"),
        ("https://pw@cam/", "https://cam/"),
        # A password that is not percent-encoded: everything up to the last @ may belong to it.
        ("rtsp://admin:pw/12@cam.local/live", "rtsp://cam.local/live"),
        ("rtsp://admin:12/pw@cam.local/live", "rtsp://cam.local/live"),
        ("rtsp://admin:12?pw@cam.local:554/live", "rtsp://cam.local:554/live"),
        ("rtsp://admin:12#pw@cam.local", "rtsp://cam.local"),
        ("rtsp://u:pw@pw/pw@cam.local/live", "rtsp://cam.local/live"),
        ("rtsp://u:pw pw@cam.local/live", "rtsp://cam.local/live"),
        ("rtsp://u:pẅ/pẅ@cam.local/live", "rtsp://cam.local/live"),
        ("http://user@pw@cam/a", "http://cam/a"),
        # Or the @ is in a query, and what follows it is no host.
        ("http://cam/video.cgi?user=admin&pwd=pw@pw", "http://..."),
        ("http://u:pw@cam/video.cgi?pwd=pw@pw", "http://..."),
    ],
)
def test_addresses_are_shown_without_secrets(url, name):
    assert hide_secrets(url) == name


@pytest.mark.parametrize("url", ["rtsp://u:pw/pw@cam:pw/", "rtsp://u:pw@", "rtsp://u:pw@c am/", "rtsp://u@:1/"])
def test_an_address_without_a_host_is_one_line_that_says_how_to_write_it(url):
    with pytest.raises(UsageError, match=r"write / as %2F, \? as %3F, # as %23 and @ as %40$") as caught:
        hide_secrets(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("login", ["admin:12/{}", "admin:12?{}", "admin:1#{}", "a@b:{}", "u:{0}@x/{0}", "{} x:1/"])
def test_a_password_that_is_not_encoded_is_hidden_and_advice_is_given(scheme, login, monkeypatch):
    monkeypatch.setattr(limits, "OPEN_SECONDS", 0.3)
    url = f"{scheme}://{login.format(SECRET)}@127.0.0.1:9/live"
    source = open_source(url)
    with pytest.raises(SourceError, match=r"cannot be opened.*write / as %2F") as caught:
        some(source, 1)
    assert SECRET not in source.name + str(caught.value)
    assert "admin" not in source.name + str(caught.value)
    source.close()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"rtsp//admin:{SECRET}@cam/live", FileError),
        (f"rtsp:/admin:{SECRET}@cam/live", FileError),
        (f"admin:{SECRET}@cam", UsageError),
        (f"rtps://admin:{SECRET}@cam/live", UsageError),
        ("", UsageError),
        ("a\0b", UsageError),
        ("camera", UsageError),
        ("ftp://cam/", UsageError),
        ("rtsp://", UsageError),
        (f"rtsp://user:{SECRET}@cam:port/", UsageError),
        ("fake:digits=abc", UsageError),
        ("fake:fault=flood@1+2", UsageError),
        ("fake:fault=stall", UsageError),
        ("fake:fps=0", UsageError),
        ("fake:width=100000", UsageError),
        ("fake:colour=red", UsageError),
        ("not/there.mp4", FileError),
    ],
)
def test_an_unknown_source_is_refused_at_once(text, error):
    with pytest.raises(error) as caught:
        open_source(text)
    assert len(str(caught.value).splitlines()) == 1
    assert SECRET not in str(caught.value)


def test_files_of_a_wrong_kind_are_reported(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"no film" * 100)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a video that can be decoded"):
        some(open_source(str(tmp_path / "film.mp4")), 1)
    with pytest.raises(FileError, match="contains no image"):
        some(open_source(str(tmp_path / "empty")), 1)


def test_an_unreadable_image_is_reported_and_skipped(images, tmp_path):
    for name in ("00000.jpg", "00002.jpg"):
        (tmp_path / name).write_bytes((images / name).read_bytes())
    (tmp_path / "00001.jpg").write_bytes(b"\xff\xd8 broken")
    told = []
    assert len(some(open_source(str(tmp_path), told.append), 10)) == 2
    assert len(told) == 1
    assert "00001.jpg" in told[0]


def test_a_missing_camera_is_an_error_or_waited_for():
    def closed():
        raise SourceError("no camera")

    with pytest.raises(SourceError, match="no camera"):
        some(Live("camera", closed), 1)
    told = []
    source = Live("camera", closed, told.append, wait=True)
    frames = source.frames()
    ends = time.monotonic() + PATIENCE
    while not told:
        assert next(frames) is None
        assert time.monotonic() < ends
    assert told[0] == "no camera; trying again in 1.0 s"
    assert source.close()


@pytest.fixture
def hasty(monkeypatch):
    """Limits that a test can wait for."""
    monkeypatch.setattr(limits, "OPEN_SECONDS", 0.2)
    monkeypatch.setattr(limits, "READ_SECONDS", 0.2)
    monkeypatch.setattr(limits, "HANG_SECONDS", 0.2)
    monkeypatch.setattr(live, "BACKOFF", (0.05, 0.1))


class Hanging:
    """Implements Camera: hangs after some images, until it is let go."""

    def __init__(self, after):
        self.left, self.let_go = after, threading.Event()

    def grab(self):
        if self.left == 0:
            self.let_go.wait(PATIENCE)
            return None
        self.left -= 1
        return Shot(np.zeros((4, 4), np.uint8), time.monotonic())

    def close(self):
        pass


def test_a_repeated_failure_is_reported_once(hasty):
    told, tried = [], []

    def opened():
        tried.append(1)
        if len(tried) < 6:
            raise SourceError("no camera")
        return Hanging(1_000_000)

    source = Live("camera", opened, told.append, wait=True)
    frames = source.frames()
    ends = time.monotonic() + PATIENCE
    while len(told) < 2:
        next(frames)
        assert time.monotonic() < ends
    assert len(tried) == 6
    assert told == ["no camera; trying again in 0.1 s", "camera is back"]
    assert source.close()


def test_a_camera_that_hangs_is_replaced(hasty):
    cameras, told = [], []

    def opened():
        cameras.append(Hanging(3))
        return cameras[-1]

    source = Live("camera", opened, told.append)
    numbers = []
    ends = time.monotonic() + PATIENCE
    for frame in source.frames():
        if frame is not None:
            numbers.append(frame.number)
        if len(cameras) == 3 and len(numbers) > 2:
            break
        assert time.monotonic() < ends
    assert "camera hangs: opening it again" in told
    assert source.hung == 2
    assert not source.close(), "hanging threads are reported"
    for camera in cameras:
        camera.let_go.set()
    wait_for(lambda: source.hung == 0)
    assert source.close()


def test_a_source_closes_if_a_signal_comes_before_its_thread_has_started(monkeypatch):
    source = Live("camera", lambda: pytest.fail("it is opened"))

    def interrupt(thread):
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        next(source.frames())
    assert source.close()


def test_a_camera_that_hangs_forever_ends_the_watch(hasty, monkeypatch):
    monkeypatch.setattr(limits, "HUNG", 3)
    let_go = threading.Event()
    threads = threading.active_count()

    def opened():
        let_go.wait(PATIENCE)
        raise SourceError("over")

    source = Live("camera", opened)
    with pytest.raises(SourceError, match="hung 3 times"):
        some(source, 1)
    assert threading.active_count() <= threads + 3
    let_go.set()
    assert source.close()


@pytest.mark.parametrize("fault", ["eof", "raise", "disconnect", "stall"])
def test_every_fault_heals(fault, monkeypatch):
    monkeypatch.setattr(live, "BACKOFF", (0.1, 0.2))
    fake = Fake(parse_plan(f"fps=50,fault={fault}@0.3+0.4"))
    source = Live("fake", fake.open)
    frames = source.frames()
    before = next(filter(None, frames))
    ends = time.monotonic() + PATIENCE
    for frame in frames:
        if frame is not None and frame.time > fake.started + 0.7:
            break
        assert time.monotonic() < ends
    assert frame.number > before.number
    assert frame.image.max() > 100
    assert source.close()


def test_an_unexpected_error_is_reported_without_secrets():
    def opened():
        raise RuntimeError(f"no rtsp://user:{SECRET}@camera,\nto be sure")

    with pytest.raises(SourceError, match=r"^camera failed: RuntimeError$"):
        some(Live("camera", opened, private=True), 1)
    with pytest.raises(SourceError, match=r"^camera failed: RuntimeError: no rtsp://\.\.\.@camera, to be sure$"):
        some(Live("camera", opened), 1)


def test_images_that_are_too_large_are_refused(film, monkeypatch):
    monkeypatch.setattr(limits, "FRAME_PIXELS", 640 * 480 - 1)
    with pytest.raises(TooLargeError, match="640 x 480 pixels"):
        some(open_source(str(film)), 1)


def test_a_limit_of_frames_a_second_is_kept(images):
    began = time.monotonic()
    frames = [frame for frame in limit_rate(open_source(str(images)).frames(), 100) if frame is not None]
    assert len(frames) == 50, "a file waits"
    assert time.monotonic() - began >= 0.49
    source = open_source("fake:fps=100")
    seen = [next(each) for each in [filter(None, limit_rate(source.frames(), 5))] * 4]
    assert seen[-1].time - seen[0].time >= 0.4
    assert seen[-1].number > 20, "a camera goes on meanwhile"
    source.close()


def test_views_crop_and_rotate():
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert View().apply(picture).tolist() == picture.tolist()
    assert View(Part((1, 0, 2, 2))).apply(picture).tolist() == [[1, 2], [5, 6]]
    assert View(turn=90).apply(picture).tolist() == [[8, 4, 0], [9, 5, 1], [10, 6, 2], [11, 7, 3]]
    assert View(Part((0, 0, 4, 1)), 180).apply(picture).tolist() == [[3, 2, 1, 0]]
    assert View(turn=270).apply(picture).tolist() == [[3, 7, 11], [2, 6, 10], [1, 5, 9], [0, 4, 8]]
    with pytest.raises(UsageError, match="not within the image, which is 4 x 3"):
        View(Part((1, 0, 4, 1))).apply(picture)
