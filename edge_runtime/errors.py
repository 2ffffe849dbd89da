"""Every error the package raises on purpose.

    EdgeDigitsError
    ├── UsageError          a call or an option that makes no sense     (ValueError)
    ├── InputError          one picture cannot be read                  (ValueError)
    │   ├── FileError           missing, empty, no permission, no file
    │   ├── TooLargeError       over a limit of `limits.py`
    │   ├── NotAnImageError     no format that we read
    │   └── DamagedImageError   truncated or broken data
    ├── SourceError         a camera or stream gives no pictures        (OSError)
    ├── ModelError          a bundle is missing, changed or broken      (ValueError)
    ├── BackendError        no interpreter, or it failed                (RuntimeError)
    │   └── UnsupportedModelError   it works, and does not run this model
    ├── OutputError         a result cannot be written                  (OSError)
    └── MissingLibraryError a library of an extra is missing or broken  (ImportError)

`train` and `export` add their own leaves. Each message is one line that says what is wrong and, where
there is something to be done, what to do.
"""

# Exit codes of the commands; 0 is success. Those of signals are 128 plus the number of the signal, as in shells.
FAILED, WRONG_USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143


class EdgeDigitsError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = FAILED


class UsageError(EdgeDigitsError, ValueError):
    """A call or an option that makes no sense."""

    exit_code = WRONG_USAGE


class InputError(EdgeDigitsError, ValueError):
    """One picture cannot be read; others may be."""


class FileError(InputError):
    """A path is missing, empty, forbidden or no regular file."""


class TooLargeError(InputError):
    """A file or a picture is over a limit; raised before its pixels are allocated."""


class NotAnImageError(InputError):
    """The bytes are of no format that this package reads."""


class DamagedImageError(InputError):
    """The bytes begin like a picture and are truncated or broken."""


class SourceError(EdgeDigitsError, OSError):
    """A camera or stream cannot be opened, or gives no more pictures; names no user and no password."""


class ModelError(EdgeDigitsError, ValueError):
    """A model bundle is missing, changed since it was exported, or broken."""


class BackendError(EdgeDigitsError, RuntimeError):
    """No interpreter is installed that can run the model, or it failed."""


class UnsupportedModelError(BackendError):
    """A backend works and has not all the operations that a model is made of."""


class OutputError(EdgeDigitsError, OSError):
    """A result cannot be written."""


class MissingLibraryError(EdgeDigitsError, ImportError):
    """A library that only some of the package's users need is not installed, or cannot be imported."""


def explain(error: BaseException) -> str:
    """Return what an error of a library says, with its kind, in one line of at most 300 characters."""
    kind = type(error).__name__
    return " ".join(f"{kind}: {error}".split())[:300].removesuffix(":")
