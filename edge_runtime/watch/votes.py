"""From one text per frame to events: a text is the reading once enough frames show it, until another is."""

from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.types import Event
from edge_runtime.watch.meter import LastReading, Meter, MeterRules

PATIENCE = 10  # times --stable frames, and a text that breaks a rule is accepted
AGREE = 3  # texts, each a possible reading after the one before it, prove the last reading wrong
DOUBT = 3 * PATIENCE  # times --stable frames that all break a rule, and the next stable text is accepted
UNSTEADY = 2 * PATIENCE  # times --stable frames in which no text is stable, and that is reported


class Votes:
    """Takes one text per frame and tells when that is an event.

    A text that breaks a meter's rule is refused. It is accepted as a correction when it has been shown for PATIENCE
    times as many frames as any other text needs, or when it is the last of AGREE refused texts that follow from one
    another: then the reading before was wrong, or the meter was exchanged. Texts that alternate do neither; after DOUBT
    times as many frames, less those with a text that could follow the reading before, the next stable one is accepted.
    """

    def __init__(
        self, stable: int = STABLE_FRAMES, rules: MeterRules | None = None, last: LastReading | None = None
    ) -> None:
        """stable: frames in a row, 1 and up, that must show a text. last: the last reading of an earlier watch."""
        self.text = ""  # the reading that holds; empty where nothing is shown
        self.refused = 0  # texts that were stable and were refused
        self.problem = ""  # why what is shown is not accepted; empty where it is
        self._stable, self._meter = stable, Meter(rules or MeterRules(), last)
        self._latest: str | None = None  # text of the last frame; None where that told nothing
        self._candidate = ""
        self._count = 0  # frames in a row that show the candidate
        self._held = 0  # frames in a row that show the reading
        self._rival: LastReading | None = None  # the last text that was stable and was refused
        self._for = 0  # frames that show it since, less those that show another text
        self._agreeing = 0  # refused texts in a row that follow from one another
        self._against = 0  # frames whose text breaks a rule, less those whose text could be the reading
        self._unsteady = 0  # frames since a text was stable

    @property
    def last(self) -> LastReading | None:
        """The last reading that was not empty."""
        return self._meter.last

    def take(self, text: str, now: float = 0.0) -> Event | None:
        """Take what a frame shows, empty for nothing; now: seconds of the monotonic clock, of the frame."""
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
        """Take a frame that was not read because it is like the one before."""
        if self._latest is not None and (self._latest == self.text or self._is_rival(self._latest)):
            return self.take(self._latest, now)
        return None

    def accept(self) -> None:
        """Accept the next stable text, whatever the reading before was."""
        self._meter.forget()

    def refuse(self, reason: str) -> None:
        """Note why what is shown is not accepted."""
        self.problem = reason
        self.refused += 1

    def skip_frame(self) -> None:
        """Take a frame that tells nothing: frames are counted from 0 again."""
        self._candidate, self._count, self._held, self._latest = "", 0, 0, None

    def _weigh(self, text: str, now: float) -> None:
        """Count a frame for the rival or against it, and for the reading before or against it; an empty one neither."""
        if not text:
            return
        if not self._meter.check_digits(text):
            self._against = self._against + 1 if self._meter.check_rules(text, now) else max(0, self._against - 1)
        if self._rival is not None:
            same = text == self._rival.text
            self._for = max(0, self._for + (1 if same else -1))
            self._rival = self._rival._replace(time=now) if same else self._rival

    def _update_rival(self, text: str, now: float) -> None:
        """Make a refused text the rival, if it is well-formed."""
        if self._meter.check_digits(text) or self._is_rival(text):
            return
        follows = self._rival is not None and not self._meter.check_rules(text, now, self._rival)
        self._agreeing = self._agreeing + 1 if follows else 1
        self._rival, self._for = LastReading(text, now), self._stable

    def _is_rival(self, text: str) -> bool:
        return self._rival is not None and self._rival.text == text

    def _forget_rival(self) -> None:
        self._rival, self._for, self._agreeing, self._against = None, 0, 0, 0
