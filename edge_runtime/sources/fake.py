"""Simulated camera with fault injection: shows a drawn page that moves.

For tests and demonstrations; implements the interface of real cameras.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sin
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import SourceError, UsageError
from edge_runtime.sources.live import Shot
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Gray

SYNTAX = "fake:digits=12345,fps=30,fault=stall@5+2"
GRAINS = 4  # images of noise, used in turn
HAND_SECONDS = 0.6  # seconds that a hand takes to reach its place
SWING = (0.9, 1.3)  # radians a second: how the page moves across and down


class Fault(StrEnum):
    """Kinds of faults."""

    STALL = "stall"  # grab() blocks
    EOF = "eof"  # the stream ends, and cannot be opened
    RAISE = "raise"  # every call raises an unexpected error
    BLACK = "black"  # the image is black
    DISCONNECT = "disconnect"  # the camera fails as if unplugged
    HAND = "hand"  # a hand comes into the image and leaves


class TimedFault(NamedTuple):
    """A fault and when it occurs."""

    fault: Fault
    start: float  # seconds since the fake was created, or since its faults started again
    length: float  # seconds


@dataclass(frozen=True)
class Plan:
    """Settings of a fake camera: its images and faults."""

    digits: tuple[str, ...] = ("20746",)  # rows of digits, shown one after the other; empty: a blank page
    change: float = 3.0  # seconds that each row is shown
    fps: float = 30.0
    width: int = 640  # pixels
    height: int = 480
    size: int = 60  # pixels: a digit's height
    move: float = 0.0  # pixels that the page moves in each direction
    noise: float = 2.0  # gray levels, standard deviation
    light: float = 0.0  # 0..1: share of the light that varies
    seed: int = 3
    every: float = 0.0  # seconds after which the faults start again; 0 for never
    faults: tuple[TimedFault, ...] = ()


def parse_plan(text: str) -> Plan:
    """Parse the part of a source's name behind `fake:`, such as `digits=123|456,fault=stall@5+2`.

    `|` separates rows of digits. A fault is KIND@START+LENGTH and may be given many times. Raises UsageError.
    """
    values: dict[str, object] = {}
    faults: list[TimedFault] = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in PARTS:
            raise UsageError(f"fake has no option {key!r}: use {SYNTAX}, with any of {', '.join(PARTS)}")
        try:
            if key == "fault":
                faults.append(_timed_fault(value))
            else:
                values[key] = PARTS[key](value)
        except ValueError as error:
            raise UsageError(f"fake:{part} is invalid: use {SYNTAX}") from error
    plan = Plan(**values, faults=tuple(faults))  # type: ignore[arg-type]
    if not (0 < plan.fps <= 1000 and 16 <= min(plan.width, plan.height) <= max(plan.width, plan.height) <= 8192):
        raise UsageError("fake: fps must be over 0 and at most 1000, width and height 16 to 8192")
    if not (4 <= plan.size <= plan.height and 0 <= plan.noise <= 100 and 0 <= plan.light <= 1 and plan.change > 0):
        raise UsageError("fake: size must be 4 to height, noise 0 to 100, light 0 to 1, change over 0")
    return plan


def _digits(value: str) -> tuple[str, ...]:
    if value.strip("0123456789|"):
        raise ValueError(value)
    return tuple(value.split("|"))


PARTS: Mapping[str, Callable[[str], object]] = {
    "digits": _digits,
    "fault": str,
    **dict.fromkeys(("change", "fps", "move", "noise", "light", "every"), float),
    **dict.fromkeys(("width", "height", "size", "seed"), int),
}


def _timed_fault(value: str) -> TimedFault:
    kind, at, times = value.partition("@")
    start, _, length = times.partition("+")
    if not at:
        raise ValueError(value)
    return TimedFault(Fault(kind), float(start), float(length or "inf"))


class Fake:
    """The scene and the faults of a fake camera; their clock continues when the camera is opened again."""

    def __init__(self, plan: Plan) -> None:
        """Draw all pages, so that grabbing is fast."""
        self._plan = plan
        random = np.random.default_rng(plan.seed)
        shape = (plan.height, plan.width)
        self._grains = [np.rint(random.normal(0, plan.noise, shape)).astype(np.int16) for _ in range(GRAINS)]
        self._pages = {text: _draw_page(text, plan) for text in set(plan.digits)}
        self._hand = _draw_hand(plan)
        self.started, self._opened = time.monotonic(), False

    def open(self) -> "FakeCamera":
        """Open the camera; raises SourceError while a fault prevents it. The clock starts at the first call."""
        if not self._opened:
            self.started, self._opened = time.monotonic(), True
        self.inject(opening=True)
        return FakeCamera(self, self._plan.fps)

    def text(self, at: float) -> str:
        """Return the digits shown at a time in monotonic seconds."""
        digits = self._plan.digits
        return digits[int((at - self.started) / self._plan.change) % len(digits)]

    def fault(self, at: float) -> tuple[Fault, float, float] | None:
        """Return the fault at a time, its start and its end, all in monotonic seconds; None if there is none."""
        since = at - self.started
        every = self._plan.every
        rounds = (since // every, since // every - 1) if every else (0.0,)  # a fault may extend into the next round
        for fault, start, length in self._plan.faults:
            for begins in (start + each * every for each in rounds if each >= 0):
                if begins <= since < begins + length:
                    return fault, self.started + begins, self.started + begins + length
        return None

    def inject(self, opening: bool = False) -> bool:
        """Block or raise according to the current fault; returns True if the stream has ended."""
        found = self.fault(time.monotonic())
        if found is None or found[0] in (Fault.BLACK, Fault.HAND):
            return False
        fault, _, ends = found
        if fault is Fault.STALL:
            while (left := ends - time.monotonic()) > 0:
                time.sleep(min(left, 3600.0))
            return False
        if fault is Fault.RAISE:
            raise RuntimeError("a fake fault")
        if fault is Fault.DISCONNECT or opening:
            raise SourceError(f"fake: {'cannot be opened' if opening else 'is disconnected'}")
        return True

    def image(self, at: float, number: int) -> Gray:
        """Return the image at a time in monotonic seconds: uint8 (height, width)."""
        plan = self._plan
        found = self.fault(at)
        if found and found[0] is Fault.BLACK:
            return np.zeros((plan.height, plan.width), np.uint8)
        page, since, edge = self._pages[self.text(at)], at - self.started, round(plan.move)
        x, y = (edge + round(plan.move * sin(speed * since)) for speed in SWING)
        view = page[y : y + plan.height, x : x + plan.width]
        if plan.light:
            view = (view * np.float32(1 - plan.light * (0.5 + 0.5 * sin(since)))).astype(np.int16)
        if found and found[0] is Fault.HAND:
            view = self._under_hand(view, min(at - found[1], found[2] - at))
        return np.asarray(np.clip(view + self._grains[number % GRAINS], 0, 255), np.uint8)

    def _under_hand(self, view: NDArray[np.int16], since: float) -> NDArray[np.int16]:
        """Draw a hand over a view; it enters from the right, covers half of the view and leaves to the right."""
        width = view.shape[1]
        left = width - round(0.6 * width * min(1.0, since / HAND_SECONDS))
        part = np.s_[:, : width - left]
        under = view.copy()
        np.copyto(under[:, left:], self._hand[part], where=self._hand[part] > 0)
        return under


def _draw_page(text: str, plan: Plan) -> NDArray[np.int16]:
    """Draw a page with a margin to move in; a blank page is drawn with the colour of the paper."""
    look = Appearance(gap=(0.3, 0.6), fall=0.2)
    if not text:
        look = replace(look, ink=look.paper)
    drawn = draw_page([text or "0"], (plan.width, plan.height), plan.size, plan.seed, look)
    gray = cv2.cvtColor(drawn.image, cv2.COLOR_BGR2GRAY)
    edge = round(plan.move)
    return np.asarray(cv2.copyMakeBorder(gray, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.int16)


def _draw_hand(plan: Plan) -> NDArray[np.int16]:
    """Draw a hand with its arm to the right, on an image of zeros."""
    image = np.zeros((plan.height, plan.width), np.uint8)
    tall, wide = plan.height, plan.width
    palm, middle, thick = round(0.32 * wide), tall // 2, max(2, round(0.11 * tall))
    cv2.rectangle(image, (palm, middle - thick), (wide, middle + thick), (165,), cv2.FILLED)
    cv2.ellipse(image, (palm, middle), (round(0.16 * wide), round(0.22 * tall)), 0, 0, 360, (168,), cv2.FILLED)
    for finger, (reach, up) in enumerate(((0.06, -0.16), (0.02, -0.06), (0.03, 0.05), (0.08, 0.15), (0.22, 0.3))):
        tip = (round(reach * wide) + thick // 2, middle + round(1.15 * up * tall))
        root = (palm, middle + round(0.8 * up * tall))
        cv2.line(image, tip, root, (160 + 4 * finger,), thick, cv2.LINE_AA)
        knuckle = ((tip[0] + root[0]) // 2, (tip[1] + root[1]) // 2)
        cv2.ellipse(image, knuckle, (max(1, thick // 6), max(1, thick // 3)), 0, 0, 360, (120,), 2, cv2.LINE_AA)
    inside = cv2.erode((image > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    shade = cv2.GaussianBlur(image, (0, 0), max(1.0, 0.02 * tall))  # darker at its edges, like round objects
    return np.asarray(np.where(inside, shade, np.where(image > 0, 0.75 * shade, 0)), np.int16)


class FakeCamera:
    """Implements Camera."""

    def __init__(self, fake: Fake, fps: float) -> None:
        self._fake, self._step = fake, 1 / fps
        self._due = time.monotonic()
        self._number = 0

    def grab(self) -> Shot | None:
        """See Camera.grab."""
        time.sleep(max(0.0, self._due - time.monotonic()))
        if self._fake.inject():
            return None
        now = time.monotonic()
        self._due = max(self._due + self._step, now - self._step)
        self._number += 1
        return Shot(self._fake.image(now, self._number), now)

    def close(self) -> None:
        """See Camera.close."""
