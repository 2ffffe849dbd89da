"""Rules of a meter, and whether a text can be its next reading."""

from typing import NamedTuple

MINUTE = 60.0  # seconds after which one more largest step is allowed
NEAR_END = 100  # without a largest step, a meter rolls over within 1/100 of its range
MOST_DIGITS = 100  # maximum number of digits


class MeterRules(NamedTuple):
    """Rules that the readings of a meter obey."""

    digits: int | None = None  # number of digits; 99999 is followed by 00000
    only_upward: bool = False  # a reading is not less than the one before
    largest_step: int | None = (
        None  # largest change between two readings, and for each further minute without a reading
    )

    @property
    def compare(self) -> bool:
        """Whether a reading is compared with the one before."""
        return self.only_upward or self.largest_step is not None


class LastReading(NamedTuple):
    """The last reading of a meter."""

    text: str  # digits, rows joined by newline
    time: float  # monotonic seconds when it was last seen


class Meter:
    """Compares texts with the last reading of a meter."""

    def __init__(self, rules: MeterRules, last: LastReading | None = None) -> None:
        """last: reading of an earlier watch; ignored if its number of digits is wrong."""
        self.rules = rules
        self.last = last if last and not self.check_digits(last.text) else None

    def check_digits(self, text: str) -> str:
        """Return why a text has a wrong number of digits; empty if it has not."""
        count = len(text.replace("\n", ""))
        if self.rules.digits is not None and count != self.rules.digits:
            return f"{count} digits, not {self.rules.digits}"
        if self.rules.compare and not 0 < count <= MOST_DIGITS:
            return f"{count} digits: a meter has at most {MOST_DIGITS}"
        return ""

    def check_rules(self, text: str, now: float, last: LastReading | None = None) -> str:
        """Return which rule a text breaks after the last reading, or after `last`; empty if none."""
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
        """Store a text as the last reading, or update its time."""
        self.last = LastReading(text, now)

    def forget(self) -> None:
        """Forget the last reading, so that the next one counts as the first."""
        self.last = None

    def _step(self, text: str, last: LastReading, allowed: int | None) -> int:
        """Return the change since the last reading; across the end of the range if that is shorter."""
        step = _number(text) - _number(last.text)
        if self.rules.digits is None:
            return step
        size: int = 10**self.rules.digits
        near = max(1, size // NEAR_END) if allowed is None else allowed
        rolled = step + size if step < 0 else step - size
        return rolled if abs(rolled) <= near else step

    def _allowed(self, now: float, last: LastReading) -> int | None:
        """Return the largest step; it grows while there is no reading."""
        if self.rules.largest_step is None:
            return None
        return int(self.rules.largest_step * (1 + max(0.0, now - last.time) / MINUTE))


def _number(text: str) -> int:
    return int(text.replace("\n", ""))


def _line(text: str) -> str:
    return text.replace("\n", " / ")
