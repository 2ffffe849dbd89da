"""Opens a source by its name."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from edge_runtime.common.redact import ENCODE, SOURCE_FORM, needs_encoding, public_address, redact_argument
from edge_runtime.errors import FileError, SourceError, UsageError
from edge_runtime.plugins import SOURCES, load_plugin
from edge_runtime.sources import Source
from edge_runtime.sources.live import Camera, Live
from edge_runtime.sources.stored import Stored

Report = Callable[[str], None]
KINDS = "0, /dev/video0, picamera2, picamera2:1, rtsp://..., http://..., a video file, a folder of images, or fake:"
SCHEMES = ("rtsp", "rtsps", "http", "https")


def open_source(text: str, report: Report = lambda line: None, wait: bool = False, fps: float | None = None) -> Source:
    """Return the source that a text names; it is opened when its first frame is requested.

    report, wait: see Live. fps: maximum frames per second that are needed; a camera that sends one image per request is
    not asked more often. Raises UsageError for an unknown source and FileError for a missing file.
    """
    if not text or "\0" in text:
        raise UsageError(f"the source is empty: use {KINDS}")
    scheme = text.partition("://")[0].lower()
    if "://" in text and scheme in SCHEMES:
        return Live(hide_secrets(text), partial(_open_address, scheme, text, fps), report, wait, private=True)
    if "://" in text:
        if source := _plugin_source(text, report, wait):
            return source
        raise UsageError(f"the address of a source must start with {', '.join(SCHEMES)}, not {scheme!r}")
    if device := re.fullmatch(r"(?:/dev/video)?(\d{1,3})", text):
        return Live(f"/dev/video{int(device[1])}", partial(_open_device, int(device[1])), report, wait)
    if pi := re.fullmatch(r"picamera2(?::(\d{1,2}))?", text):
        return Live(text, partial(_open_picamera, int(pi[1] or 0)), report, wait)
    if text.startswith("fake:") or text == "fake":
        from edge_runtime.sources.fake import Fake, parse_plan

        return Live("fake", Fake(parse_plan(text[5:])).open, report, wait)
    path = Path(text)
    if path.is_dir():
        return Stored(text, partial(_open_image_folder, path, report))
    if path.is_file():
        return Stored(text, partial(_open_video_file, path))
    if source := _plugin_source(text, report, wait):
        return source
    shown = redact_argument(text)
    if "/" not in text and "." not in text:
        raise UsageError(f"{shown!r} is not a source: use {KINDS}")
    raise FileError(f"there is no file or folder {shown}")


def _plugin_source(text: str, report: Report, wait: bool) -> Source | None:
    """Return a source of another package, named by the text before the first colon; None if there is none."""
    kind = text.partition(":")[0]
    open_camera = load_plugin(SOURCES, kind) if re.fullmatch(r"[A-Za-z][\w.+-]*", kind) else None
    if open_camera is None:
        return None
    # Messages of the package may repeat a user name, a password or a token of the text.
    private = any(mark in text for mark in "@?=&")
    return Live(kind, partial(_open_plugin, kind, open_camera, text), report, wait, private)


def hide_secrets(url: str) -> str:
    """Return an address without secrets, see `public_address`; raises UsageError if it has no host."""
    try:
        return public_address(url)
    except ValueError:
        form = f"{SOURCE_FORM}; {ENCODE}"
        raise UsageError(f"the source's address has no valid host and port: it must look like {form}") from None


# Each kind is imported when it is opened, so that a fake camera needs no video library.


def _open_address(scheme: str, url: str, fps: float | None) -> Camera:
    name = hide_secrets(url)
    try:
        if scheme in ("http", "https"):
            from edge_runtime.sources.web import WebCamera

            return WebCamera(url, name, fps)
        from edge_runtime.sources.stream import open_stream

        return open_stream(url, name)
    except SourceError as error:
        if needs_encoding(url):
            raise SourceError(f"{error}; {ENCODE}") from None
        raise


def _open_device(number: int) -> Camera:
    from edge_runtime.sources.device import open_device

    return open_device(number)


def _open_picamera(number: int) -> Camera:
    from edge_runtime.sources.picamera import PiCamera

    return PiCamera(number)


def _open_plugin(kind: str, open_camera: Any, text: str) -> Camera:
    from edge_runtime.sources.plugin import PluginCamera

    return PluginCamera(kind, open_camera, text)


def _open_image_folder(path: Path, report: Report) -> Camera:
    from edge_runtime.sources.image_folder import ImageFolder

    return ImageFolder(path, report)


def _open_video_file(path: Path) -> Camera:
    from edge_runtime.sources.video import open_video

    return open_video(path)
