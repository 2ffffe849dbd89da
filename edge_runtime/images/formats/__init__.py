"""Image file formats, one file each; `identify` selects the format.

In: the bytes of a file. Out: its images, checked but not decoded yet (`encoded.Encoded`).

A parser checks everything that determines the cost of decoding, and passes only checked bytes to OpenCV. If the cost is
not known in advance, `isolated` decodes in a separate process with limits on memory and processor time.
"""

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from edge_runtime.errors import NotAnImageError
from edge_runtime.images.formats import boxes
from edge_runtime.images.formats.encoded import Encoded

EXTRA = "pip install 'edge-digits[formats]'"


class Format(NamedTuple):
    """An image file format."""

    name: str  # as shown to users
    suffixes: tuple[str, ...]  # suffixes of file names, lower case
    module: str  # in this package, with `images(data)`; empty if not supported
    library: str = ""  # library of the extra [formats] that the module imports
    isolated: bool = False  # decoded only in a process with limits
    advice: str = ""  # what to do with such a file if not supported


FORMATS = (
    Format("PNG", (".png", ".apng"), "png"),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), "jpeg"),
    Format("BMP", (".bmp", ".dib"), "bmp"),
    Format("TIFF", (".tif", ".tiff"), "tiff"),
    Format("WebP", (".webp",), "webp"),
    Format("GIF", (".gif",), "gif"),
    Format("PNM", (".pbm", ".pgm", ".ppm", ".pnm"), "pnm"),
    Format("JPEG 2000", (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"), "jpeg2000", isolated=True),
    Format("HEIC", (".heic", ".heif", ".hif"), "heif", "pi_heif", isolated=True),
    Format("AVIF", (".avif",), "avif", "PIL", isolated=True),
    Format("PDF", (".pdf",), "pdf", "pypdfium2", isolated=True),
    Format("JPEG XL", (".jxl",), "", advice="save it as PNG or JPEG"),
    Format("BigTIFF", (".btf", ".tf8"), "", advice="save it as TIFF or PNG"),
    Format("SVG", (".svg", ".svgz"), "", advice="save it as PNG"),
    Format("Photoshop", (".psd", ".psb"), "", advice="save it as PNG or TIFF"),
    Format("camera raw", (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"), "", advice="save it as JPEG or PNG"),
)
_BY_NAME = {each.name: each for each in FORMATS}
_BY_SUFFIX = {suffix: each for each in FORMATS for suffix in each.suffixes}
_READ = ", ".join(each.name for each in FORMATS if each.module)

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "WebP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    *((b"P%d" % kind, "PNM") for kind in range(1, 7)),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"%PDF-", "PDF"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "Photoshop"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"}
_PDF_REACH = 1024  # bytes: a PDF may have this much before its signature


def identify(data: bytes) -> Format:
    """Return the format of a file by its first bytes; raises NotAnImageError, also for unsupported formats."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            found = _BY_NAME[name]
            break
    else:
        brands = boxes.brands(data) if data[4:8] == b"ftyp" else set[bytes]()
        if brands & _AVIF_BRANDS:
            found = _BY_NAME["AVIF"]
        elif brands & _HEIF_BRANDS:
            found = _BY_NAME["HEIC"]
        elif b"%PDF-" in data[:_PDF_REACH]:
            found = _BY_NAME["PDF"]
        else:
            raise NotAnImageError(f"this is not an image: {_READ} are supported")
    if not found.module:
        raise NotAnImageError(f"this is a file of the format {found.name}, which is not supported: {found.advice}")
    return found


@cache
def parser(module: str) -> Callable[[bytes], Iterable[Encoded]]:
    """Return the function `images` of a format; raises MissingLibraryError if its library is not installed."""
    images: Callable[[bytes], Iterable[Encoded]] = import_module(f"{__name__}.{module}").images
    return images


def format_of_name(name: str) -> Format | None:
    """Return the format for the suffix of a file name; None if it is not that of an image."""
    return _BY_SUFFIX.get(name[name.rfind(".") :].lower())


def is_image_name(name: str) -> bool:
    """Return whether a suffix is that of a supported format, with or without the extra [formats]."""
    found = format_of_name(name)
    return found is not None and bool(found.module)


def needs_extra(name: str) -> str:
    """Return the command that installs the library for a file of this name; empty if nothing is missing."""
    found = format_of_name(name)
    return EXTRA if found is not None and found.library and not is_installed(found.library) else ""


def advice(name: str) -> str:
    """Return what to do with a file of an unsupported image format; empty for any other file."""
    found = format_of_name(name)
    return found.advice if found is not None else ""


@cache
def is_installed(library: str) -> bool:
    """Return whether a library can be found, without importing it."""
    return find_spec(library) is not None
