"""Every error the package raises on purpose.

    EdgeDigitsError
    ├── UsageError          an invalid call or option                   (ValueError)
    ├── InputError          an image cannot be read                     (ValueError)
    │   ├── FileError           missing, empty, not readable, not a file
    │   ├── TooLargeError       over a limit of `limits.py`
    │   ├── NotAnImageError     not a supported format
    │   └── DamagedImageError   truncated or broken data
    ├── SourceError         a camera or stream delivers no images       (OSError)
    ├── ModelError          a bundle is missing, changed or broken      (ValueError)
    ├── BackendError        no interpreter, or it failed                (RuntimeError)
    │   └── UnsupportedModelError   it works but cannot run this model
    ├── OutputError         a result cannot be written                  (OSError)
    └── MissingLibraryError an optional library is missing or broken    (ImportError)

`train` and `export` add their own errors. Each message is one line that says what is wrong and, if possible,
what to do.
"""

# Exit codes of the commands; 0 is success. Those of signals are 128 plus the number of the signal, as in shells.
FAILED, WRONG_USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143


class EdgeDigitsError(Exception):
    """Base of all errors raised on purpose; `exit_code` is the exit code of the command line."""

    exit_code = FAILED


class UsageError(EdgeDigitsError, ValueError):
    """An invalid call or option."""

    exit_code = WRONG_USAGE


class InputError(EdgeDigitsError, ValueError):
    """One image cannot be read; others may be readable."""


class FileError(InputError):
    """A path is missing, empty, not readable or not a regular file."""


class TooLargeError(InputError):
    """A file or an image is over a limit; raised before its pixels are allocated."""


class NotAnImageError(InputError):
    """The bytes are not in a supported image format."""


class DamagedImageError(InputError):
    """The bytes start like an image but are truncated or broken."""


class SourceError(EdgeDigitsError, OSError):
    """A camera or stream cannot be opened or delivers no more images; the message holds no credentials."""


class ModelError(EdgeDigitsError, ValueError):
    """A model bundle is missing, changed since it was exported, or broken."""


class BackendError(EdgeDigitsError, RuntimeError):
    """No installed interpreter can run the model, or it failed."""


class UnsupportedModelError(BackendError):
    """A backend works but lacks an operation that the model needs."""


class OutputError(EdgeDigitsError, OSError):
    """A result cannot be written."""


class MissingLibraryError(EdgeDigitsError, ImportError):
    """An optional library is not installed or cannot be imported."""


def describe_error(error: BaseException) -> str:
    """Return the type and message of a library's error in one line of at most 300 characters."""
    kind = type(error).__name__
    return " ".join(f"{kind}: {error}".split())[:300].removesuffix(":")
