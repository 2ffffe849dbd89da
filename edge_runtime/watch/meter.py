"""What is known of a meter, and whether a text can be its next reading."""

from typing import NamedTuple

MINUTE = 60.0  # seconds in which the largest step may be made once more
NEAR_END = 100  # without a largest step, a meter rolls over within this fraction of its range
MOST_DIGITS = 100  # a meter has no more


class Rules(NamedTuple):
    """What a user says of a meter."""

    digits: int | None = None  # how many it has; readings have as many, and after 99999 comes 00000
    only_upward: bool = False  # it never shows less than before
    largest_step: int | None = None  # it never shows more or less than before by more than this, and by this a minute

    @property
    def compare(self) -> bool:
        """Whether a reading is compared with the one before."""
        return self.only_upward or self.largest_step is not None


class Last(NamedTuple):
    """The last reading of a meter."""

    text: str  # digits, rows joined by newline
    time: float  # seconds of the monotonic clock when the meter was seen to show it last


class Meter:
    """Compares what a meter shows with its last reading."""

    def __init__(self, rules: Rules, last: Last | None = None) -> None:
        """last: of an earlier watch; one that does not have the meter's number of digits does not count."""
        self.rules = rules
        self.last = last if last and not self.malformed(last.text) else None

    def malformed(self, text: str) -> str:
        """Return why a text cannot be a reading whatever was read before; empty where it can."""
        count = len(text.replace("\n", ""))
        if self.rules.digits is not None and count != self.rules.digits:
            return f"{count} digits, not {self.rules.digits}"
        if self.rules.compare and not 0 < count <= MOST_DIGITS:
            return f"{count} digits: a meter has at most {MOST_DIGITS}"
        return ""

    def broken(self, text: str, now: float, last: Last | None = None) -> str:
        """Return which rule a well-formed text breaks after the last reading, or after `last`; empty for none."""
        last = last or self.last
        if last is None or not self.rules.compare:
            return ""
        allowed = self._allowed(now, last)
        step = self._step(text, last, allowed)
        if self.rules.only_upward and step < 0:
            return f"less than {_line(last.text)}"
        if allowed is not None and abs(step) > allowed:
            return f"{abs(step):,} from {_line(last.text)}, and at most {allowed:,} are accepted"
        return ""

    def accept(self, text: str, now: float) -> None:
        """Take a text as the last reading, or note that the meter shows it still."""
        self.last = Last(text, now)

    def forget(self) -> None:
        """Take whatever comes next as the first reading."""
        self.last = None

    def _step(self, text: str, last: Last, allowed: int | None) -> int:
        """How far the meter went: past its end and on from 0, or back, where that is a small step."""
        step = _number(text) - _number(last.text)
        if self.rules.digits is None:
            return step
        size: int = 10**self.rules.digits
        near = max(1, size // NEAR_END) if allowed is None else allowed
        rolled = step + size if step < 0 else step - size
        return rolled if abs(rolled) <= near else step

    def _allowed(self, now: float, last: Last) -> int | None:
        """The largest step now: it grows while the meter is not seen."""
        if self.rules.largest_step is None:
            return None
        return int(self.rules.largest_step * (1 + max(0.0, now - last.time) / MINUTE))


def _number(text: str) -> int:
    return int(text.replace("\n", ""))


def _line(text: str) -> str:
    return text.replace("\n", " / ")
