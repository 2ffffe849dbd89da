"""Generated pages of the kinds that users meet, with digits of validation writers, and images without digits.

Their seeds, textures and handwriting fonts are not those of the training. They depend on the fonts that are installed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from benchmarks import nondigits
from benchmarks.trusted import at_limits, count_numbers
from edge_runtime.page import Page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.types import Gray, Status
from export.trust import Judged, judge
from train.data import writers
from train.data.mnist import Mnist
from train.synthetic.kind_pages import draw_kind, draw_without
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.plans import KINDS
from train.synthetic.scenes.scene import World
from train.synthetic.scenes.writers import load_writers

PAGES = 30  # of each kind
WITHOUT = 2_000  # images without digits
SEED, FIELDS = 77, 7  # of the pages and of their textures

Tell = Callable[[str], None]
Read = Callable[[Gray], Page]


class Generated(NamedTuple):
    """A generated image and what it says."""

    image: Gray
    text: str  # with marks; rows separated by newlines, numbers of a row by spaces


def make_world(mnist: Mnist) -> World:
    """Return the digits of validation writers, and fonts for words that are not trained on, if they are installed."""
    known = World(load_writers(*writers.validation_part(mnist)), Fields(FIELDS))
    hands = sorted(path for fonts in nondigits.HANDS.values() for path in nondigits.FONTS.glob(fonts))
    return replace(known, script_fonts=hands) if hands else known


def measure(
    read: Read, mnist: Mnist, title: str, tell: Tell, pages: int = PAGES, without: int = WITHOUT
) -> dict[str, Any]:
    """Return the metrics of a reader: `kinds`, by kind, and `without`, of images without digits."""
    tell(f"{title}: preparing the handwriting of generated pages")
    world = make_world(mnist)
    kinds, numbers = {}, 0
    judged: Judged = []
    for kind in KINDS:
        tell(f"{title}: generated pages, {kind}")
        drawn = [draw(kind, number, world) for number in range(pages)]
        found = [read(each.image) for each in drawn]
        kinds[kind] = score(found, [each.text for each in drawn])
        judged += [one for page, each in zip(found, drawn, strict=True) for one in judge(page, each.text)]
        numbers += sum(count_numbers(each.text) for each in drawn)
    tell(f"{title}: {without:,} images without digits")
    blank = score_without(read, (draw_without(number, world, SEED) for number in range(without)))
    return {"kinds": kinds, "without": blank, "numbers": at_limits(judged, numbers, PageNetwork().limits)}


def draw(kind: str, number: int, world: World) -> Generated:
    """Return a page of a kind; the same for the same number, world and fonts."""
    scene = draw_kind(kind, number, world, SEED)
    return Generated(scene.image, scene.text)


def score(found: Sequence[Page], texts: Sequence[str]) -> dict[str, float]:
    """Return shares of the pages: all digits and rows right, the whole text right, silently wrong digits, and accepted.

    found: what was read. texts: what the pages say. A page is accepted if its status is ok.
    """
    exact = whole = silent = accepted = 0
    for page, text in zip(found, texts, strict=True):
        right = page.digits_text == digits_of(text)
        exact += right
        whole += page.text == text
        silent += not right and (page.status is Status.OK or not page.digits)
        accepted += page.status is Status.OK
    shares = {"exact": exact, "with_marks": whole, "silent": silent, "accepted": accepted}
    return {"pages": len(texts)} | {name: count / len(texts) for name, count in shares.items()}


def score_without(read: Read, images: Iterator[Gray]) -> dict[str, float]:
    """Return how many images there are and the share of them with an accepted digit."""
    found = [bool(read(image).digits_text) for image in images]
    return {"images": len(found), "with_digits": sum(found) / len(found)}


def digits_of(text: str) -> str:
    """Return the rows of a text that have digits, without anything else."""
    rows = ("".join(letter for letter in row if letter in "0123456789") for row in text.split("\n"))
    return "\n".join(filter(None, rows))
