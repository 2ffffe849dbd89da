"""Remove credentials in URLs from messages and outputs.

Imports nothing from the package.
"""

import re

ENCODE = "in a user name or password, write / as %2F, ? as %3F, # as %23 and @ as %40"
SOURCE_FORM = "scheme://user:password@host:port/path"
BROKER_FORM = "mqtt://[USER@]HOST[:PORT]/TOPIC"

_OURS = {text: chr(0xF0000 + number) for number, text in enumerate((ENCODE, SOURCE_FORM, BROKER_FORM))}  # no secrets
_LOGIN = re.compile(r"//[^\n]*@")
_QUERY = re.compile(r"(//[^\n?]*)\?[^\n]*")


def redact(text: str) -> str:
    """Return a message with possible credentials and queries of URLs replaced by dots.

    These are the text from `//` to the last `@` of a line, and that from a `?` after `//` to the end of the line.
    """
    for ours, mark in _OURS.items():
        text = text.replace(ours, mark)
    text = _QUERY.sub(r"\1?...", _LOGIN.sub("//...@", text))
    for ours, mark in _OURS.items():
        text = text.replace(mark, ours)
    return text


def redact_argument(text: str) -> str:
    """Return a URL as typed by a user without possible credentials, even if it is malformed."""
    before, at, after = text.rpartition("@")
    return redact(f"...@{after}" if at and (":" in before or "//" in before) else text)


def public_address(url: str) -> str:
    """Return scheme://host:port/path of a URL, without user, password and query.

    A path that may hold a password, as for some cameras, becomes `/...`. An `@` after the first `/`, `?` or `#` may end
    a password that is not percent-encoded: then everything up to the last `@` is removed, and the rest too if it may
    belong to a query. Raises ValueError if there is no valid host and port.
    """
    scheme, _, rest = url.partition("://")
    _, _, place = rest.rpartition("@")
    behind = rest[len(_authority(rest)) :]
    if "@" in behind and "=" in behind[: behind.rindex("@")]:
        return f"{scheme}://..."
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:/?#\s]+)(?::(\d*))?([/?#].*)?", place, re.DOTALL)
    if found is None or int(found[2] or 0) > 65535:
        raise ValueError("no valid host and port")
    host, port, path = found[1].lower(), found[2], re.split("[?#]", found[3] or "")[0]
    return f"{scheme.lower()}://{host}{f':{port}' if port else ''}{'/...' if set('=@&;') & set(path) else path}"


def needs_encoding(url: str) -> bool:
    """Return whether a URL has an `@` that may belong to a password and is not percent-encoded."""
    rest = url.partition("://")[2]
    return rest.count("@") > 1 or ("@" in rest and "@" not in _authority(rest))


def _authority(rest: str) -> str:
    """Return the authority as in RFC 3986: credentials, host and port, up to the first / ? or #."""
    return re.split("[/?#]", rest, maxsplit=1)[0]
