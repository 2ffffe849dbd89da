"""What a user says of a meter, and whether a text can be its next reading."""

from typing import NamedTuple

MINUTE = 60.0  # seconds in which the largest step may be made once more
NEAR_END = 100  # without a largest step, a meter rolls over within this fraction of its range
MOST_DIGITS = 100  # a meter has no more


class MeterRules(NamedTuple):
    """What a user says of a meter."""

    digits: int | None = None  # number of digits; 99999 is followed by 00000
    only_upward: bool = False  # a reading is not less than the one before
    largest_step: int | None = None  # largest change between two readings, and for each minute without one

    @property
    def compare(self) -> bool:
        """Whether a reading is compared with the one before."""
        return self.only_upward or self.largest_step is not None


class LastReading(NamedTuple):
    """The last reading of a meter."""

    text: str  # digits, rows joined by newline
    time: float  # seconds of the monotonic clock when it was seen last


class Meter:
    """Compares what a meter shows with its last reading."""

    def __init__(self, rules: MeterRules, last: LastReading | None = None) -> None:
        """last: of an earlier watch; ignored if it does not have the meter's number of digits."""
        self.rules = rules
        self.last = last if last and not self.check_digits(last.text) else None

    def check_digits(self, text: str) -> str:
        """Return why a text cannot be a reading whatever was read before; empty where it can."""
        count = len(text.replace("\n", ""))
        if self.rules.digits is not None and count != self.rules.digits:
            return f"{count} digits, not {self.rules.digits}"
        if self.rules.compare and not 0 < count <= MOST_DIGITS:
            return f"{count} digits: a meter has at most {MOST_DIGITS}"
        return ""

    def check_rules(self, text: str, now: float, last: LastReading | None = None) -> str:
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
        """Take a text as the last reading, or note that it was seen again."""
        self.last = LastReading(text, now)

    def forget(self) -> None:
        """Take the next reading as the first."""
        self.last = None

    def _step(self, text: str, last: LastReading, allowed: int | None) -> int:
        """The change since the last reading; over the end of the range where that way is short."""
        step = _number(text) - _number(last.text)
        if self.rules.digits is None:
            return step
        size: int = 10**self.rules.digits
        near = max(1, size // NEAR_END) if allowed is None else allowed
        rolled = step + size if step < 0 else step - size
        return rolled if abs(rolled) <= near else step

    def _allowed(self, now: float, last: LastReading) -> int | None:
        """The largest step now: it grows while the meter is not seen."""
        if self.rules.largest_step is None:
            return None
        return int(self.rules.largest_step * (1 + max(0.0, now - last.time) / MINUTE))


def _number(text: str) -> int:
    return int(text.replace("\n", ""))


def _line(text: str) -> str:
    return text.replace("\n", " / ")
