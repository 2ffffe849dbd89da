"""From one text per frame to events: a text becomes the reading when enough consecutive frames show it."""

from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.types import Event
from edge_runtime.watch.meter import LastReading, Meter, MeterRules

PATIENCE = 10  # times --stable: after so many frames, a text is accepted although it breaks a rule
AGREE = 3  # consecutive texts that follow from one another prove the last reading wrong
DOUBT = 3 * PATIENCE  # times --stable frames that break a rule: the next stable text is accepted
UNSTEADY = 2 * PATIENCE  # times --stable frames without a stable text: a problem is reported


class Votes:
    """Takes one text per frame and returns events.

    A text that breaks a rule of the meter is refused. It is accepted as a correction after PATIENCE times `stable`
    frames, or when it is the last of AGREE refused texts that follow from one another: then the last reading was wrong,
    or the meter was replaced. Alternating texts meet neither condition: after DOUBT times `stable` frames that
    break a rule, the next stable text is accepted. Frames that could follow the last reading reduce this count.
    """

    def __init__(
        self, stable: int = STABLE_FRAMES, rules: MeterRules | None = None, last: LastReading | None = None
    ) -> None:
        """stable: consecutive frames that must show a text, >= 1. last: last reading of an earlier watch."""
        self.text = ""  # the current reading; empty for none
        self.refused = 0  # number of stable texts that were refused
        self.problem = ""  # why the text shown is not accepted; empty if it is
        self._stable, self._meter = stable, Meter(rules or MeterRules(), last)
        self._latest: str | None = None  # text of the last frame; None if it was skipped
        self._candidate = ""
        self._count = 0  # consecutive frames that show the candidate
        self._held = 0  # consecutive frames that show the reading
        self._rival: LastReading | None = None  # the last stable text that was refused
        self._for = 0  # frames that show the rival, less those that show another text
        self._agreeing = 0  # consecutive refused texts that follow from one another
        self._against = 0  # frames that break a rule, less those that obey it
        self._unsteady = 0  # frames since the last stable text

    @property
    def last(self) -> LastReading | None:
        """The last reading that was not empty."""
        return self._meter.last

    def take(self, text: str, now: float = 0.0) -> Event | None:
        """Count the text of a frame, empty for nothing. now: monotonic seconds of the frame."""
        self._latest = text
        self._weigh(text, now)
        if text == self.text:
            self._candidate, self._count, self._held = "", 0, self._held + 1
            if text:
                self._meter.accept(text, now)
            if text and self._held >= self._stable:
                self._forget_rival()
            self.problem, self._unsteady = "", 0
            return None
        self._held = 0
        self._unsteady += 1
        if self._unsteady == UNSTEADY * self._stable:
            self.refuse("no text is stable: improve the light, or lower --stable or --fps")
        self._count = self._count + 1 if text == self._candidate and self._count else 1
        self._candidate = text
        if self._count < self._stable:
            return None
        self._unsteady = 0
        corrects = False
        if text and (broken := self._meter.check_digits(text) or self._meter.check_rules(text, now)):
            if self._count == self._stable:
                self._update_rival(text, now)
            corrects = self._is_rival(text) and (
                self._agreeing >= AGREE or self._for >= PATIENCE * self._stable or self._against >= DOUBT * self._stable
            )
            if not corrects:
                if self._count == self._stable:
                    self.refuse(broken)
                return None
        event = Event.GONE if not text else Event.CHANGED if self.text else Event.STABLE
        self.text, self.problem = text, ""
        if text:
            self._meter.accept(text, now)
            self._forget_rival()
        self.skip_frame()
        return Event.CORRECTED if corrects else event

    def repeat(self, now: float) -> Event | None:
        """Count a frame that was not read because it equals the one before."""
        if self._latest is not None and (self._latest == self.text or self._is_rival(self._latest)):
            return self.take(self._latest, now)
        return None

    def accept(self) -> None:
        """Accept the next stable text, whatever the rules say."""
        self._meter.forget()

    def refuse(self, reason: str) -> None:
        """Store why the text shown is not accepted."""
        self.problem = reason
        self.refused += 1

    def skip_frame(self) -> None:
        """Skip a frame without information: the counts of consecutive frames start again."""
        self._candidate, self._count, self._held, self._latest = "", 0, 0, None

    def _weigh(self, text: str, now: float) -> None:
        """Update the counts for and against the rival and the last reading; an empty text changes none."""
        if not text:
            return
        if not self._meter.check_digits(text):
            self._against = self._against + 1 if self._meter.check_rules(text, now) else max(0, self._against - 1)
        if self._rival is not None:
            same = text == self._rival.text
            self._for = max(0, self._for + (1 if same else -1))
            self._rival = self._rival._replace(time=now) if same else self._rival

    def _update_rival(self, text: str, now: float) -> None:
        """Make a refused text the rival, if its number of digits is right."""
        if self._meter.check_digits(text) or self._is_rival(text):
            return
        follows = self._rival is not None and not self._meter.check_rules(text, now, self._rival)
        self._agreeing = self._agreeing + 1 if follows else 1
        self._rival, self._for = LastReading(text, now), self._stable

    def _is_rival(self, text: str) -> bool:
        return self._rival is not None and self._rival.text == text

    def _forget_rival(self) -> None:
        self._rival, self._for, self._agreeing, self._against = None, 0, 0, 0
