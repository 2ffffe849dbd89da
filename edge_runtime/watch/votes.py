"""From a text a frame to events: a text counts when it has stood for some frames, and until another has."""

from typing import NamedTuple

from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.types import Event


class Rules(NamedTuple):
    """What is known of a meter; a text that breaks a rule is no reading."""

    digits: int | None = None  # its number of them
    only_upward: bool = False  # it never shows less than before
    largest_step: int | None = None  # it never shows more or less than before by more than this

    def broken(self, text: str, before: str | None) -> str:
        """Return which rule a text breaks, empty for none; before: the last reading, None where there was none."""
        shown = text.replace("\n", "")
        if self.digits is not None and len(shown) != self.digits:
            return f"{len(shown)} digits, not {self.digits}"
        if before is None:
            return ""
        step = int(shown) - int(before.replace("\n", ""))
        if self.only_upward and step < 0:
            return f"less than {before!r}"
        if self.largest_step is not None and abs(step) > self.largest_step:
            return f"{abs(step)} from {before!r}, over {self.largest_step}"
        return ""


class Votes:
    """Takes a text a frame and says when that is an event."""

    def __init__(self, stable: int = STABLE_FRAMES, rules: Rules | None = None) -> None:
        """stable: frames one after the other, of 1 and up, that a text must stand to count."""
        self.text = ""  # the reading that holds; empty where nothing is shown
        self.refused = 0  # texts that stood and are no reading
        self.broken = ""  # why the last of them is none
        self._stable, self._rules = stable, rules or Rules()
        self._last: str | None = None  # the last reading that was not empty
        self._candidate = ""
        self._count = 0

    def take(self, text: str) -> Event | None:
        """Take what a frame shows, empty for nothing."""
        if text == self.text:
            self.pass_over()
            return None
        self._count = self._count + 1 if text == self._candidate and self._count else 1
        self._candidate = text
        if self._count < self._stable:
            return None
        if text and (broken := self._rules.broken(text, self._last)):
            if self._count == self._stable:
                self.refuse(broken)
            return None
        event = Event.GONE if not text else Event.CHANGED if self.text else Event.STABLE
        self.text, self._last = text, text or self._last
        self.pass_over()
        return event

    def refuse(self, reason: str) -> None:
        """Note why what stands there is no reading."""
        self.refused += 1
        self.broken = reason

    def pass_over(self) -> None:
        """Take a frame that says nothing: another text must begin anew."""
        self._candidate, self._count = "", 0
