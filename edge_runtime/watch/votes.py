"""From a text a frame to events: a text counts when it has stood for some frames, and until another has."""

from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.types import Event
from edge_runtime.watch.meter import Last, Meter, Rules

__all__ = ["Rules", "Votes"]

PATIENCE = 10  # times as many frames as a text must stand: one that breaks a rule for so long is right
AGREE = 3  # texts, each a possible reading after the one before: together they are right, and the last reading is wrong


class Votes:
    """Takes a text a frame and says when that is an event.

    A text that breaks a meter's rule is no reading. It becomes one, as a correction, when it has stood PATIENCE times
    as long as any other must, or when it is the last of AGREE such texts that follow from one another: then the reading
    before was wrong, or the meter is another one.
    """

    def __init__(self, stable: int = STABLE_FRAMES, rules: Rules | None = None, last: Last | None = None) -> None:
        """stable: frames one after the other, of 1 and up, that a text must stand. last: an earlier watch's reading."""
        self.text = ""  # the reading that holds; empty where nothing is shown
        self.refused = 0  # texts that stood and are no reading
        self.problem = ""  # why what is shown is no reading; empty where it is one
        self._stable, self._meter = stable, Meter(rules or Rules(), last)
        self._latest: str | None = None  # what the last frame said, None where it said nothing
        self._candidate = ""
        self._count = 0  # frames that the candidate has stood
        self._held = 0  # frames one after the other that said what holds
        self._rival: Last | None = None  # a text that stood, and breaks a rule
        self._for = 0  # frames that said so since, less those that said something else
        self._agreeing = 0  # such texts that followed from one another

    @property
    def last(self) -> Last | None:
        """The last reading that was not empty."""
        return self._meter.last

    def take(self, text: str, now: float = 0.0) -> Event | None:
        """Take what a frame shows, empty for nothing; now: seconds of the monotonic clock, of the frame."""
        self._latest = text
        self._weigh(text, now)
        if text == self.text:
            self._candidate, self._count, self._held = "", 0, self._held + 1
            if self._held >= self._stable:
                self._forget_rival()
            if text:
                self._meter.accept(text, now)
            self.problem = ""
            return None
        self._held = 0
        self._count = self._count + 1 if text == self._candidate and self._count else 1
        self._candidate = text
        if self._count < self._stable:
            return None
        corrects = False
        if text and (broken := self._meter.malformed(text) or self._meter.broken(text, now)):
            if self._count == self._stable:
                self.refuse(broken)
                self._agree(text, now)
            corrects = self._agreeing >= AGREE or (self._rival_is(text) and self._for >= PATIENCE * self._stable)
            if not corrects:
                return None
        event = Event.GONE if not text else Event.CHANGED if self.text else Event.STABLE
        self.text, self.problem = text, ""
        if text:
            self._meter.accept(text, now)
        self._forget_rival()
        self.pass_over()
        return Event.CORRECTED if corrects else event

    def again(self, now: float) -> Event | None:
        """Take a frame that was not read, as it shows what the one before did."""
        if self._latest is not None and (self._latest == self.text or self._rival_is(self._latest)):
            return self.take(self._latest, now)
        return None

    def accept(self) -> None:
        """Take the next text that stands as a reading, whatever came before."""
        self._meter.forget()

    def refuse(self, reason: str) -> None:
        """Note why what stands there is no reading."""
        self.refused += 1
        self.problem = reason

    def pass_over(self) -> None:
        """Take a frame that says nothing: another text must begin anew."""
        self._candidate, self._count, self._held, self._latest = "", 0, 0, None

    def _weigh(self, text: str, now: float) -> None:
        """Count a frame for the rival or against it."""
        if self._rival is not None:
            same = text == self._rival.text
            self._for = max(0, self._for + (1 if same else -1))
            self._rival = self._rival._replace(time=now) if same else self._rival

    def _agree(self, text: str, now: float) -> None:
        """Take a text that breaks a rule for the rival, if it is well-formed."""
        if self._meter.malformed(text) or self._rival_is(text):
            return
        follows = self._rival is not None and not self._meter.broken(text, now, self._rival)
        self._agreeing = self._agreeing + 1 if follows else 1
        self._rival, self._for = Last(text, now), self._stable

    def _rival_is(self, text: str) -> bool:
        return self._rival is not None and self._rival.text == text

    def _forget_rival(self) -> None:
        self._rival, self._for, self._agreeing = None, 0, 0
