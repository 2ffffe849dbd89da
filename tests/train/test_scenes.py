"""Generated scenes: the same for the same seed, and their truth agrees with their pixels."""

from dataclasses import replace
from itertools import groupby

import cv2
import numpy as np
import pytest

from edge_runtime.errors import UsageError
from edge_runtime.segmentation.outputs import Kind
from edge_runtime.synthetic.digits import draw_digit
from tests.conftest import skip
from train.errors import FontError
from train.synthetic.scenes import fonts
from train.synthetic.scenes.camera import Light
from train.synthetic.scenes.canvas import Canvas, Mapping
from train.synthetic.scenes.compose import compose
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.legible import legible_strokes
from train.synthetic.scenes.numbers import MARKS
from train.synthetic.scenes.plans import KINDS, mixed_plan, plan_of
from train.synthetic.scenes.scene import Plan, World, rotate
from train.synthetic.scenes.skeleton import strokes_of
from train.synthetic.scenes.writers import Writers, load_writers

SHAPE = (240, 360)
SIZE = 28.0  # pixels: height of a digit
SEEDS = range(3)
WITHOUT_DIGITS = ("text", "photograph")
WITH_DIGITS = sorted(set(KINDS) - set(WITHOUT_DIGITS))
DARK = Light(fall=0, shadow=0, glare=0, blur=0, motion=0, noise=0, compression=0, faded=0)


@pytest.fixture(scope="module")
def world(drawn_digits):
    """A world of fifty drawn digits, whose writers are unknown, and the fonts that are installed."""
    try:
        fonts.print_fonts()
    except FontError as error:
        skip(str(error))
    return World(load_writers(*drawn_digits), Fields(0))


@pytest.fixture(scope="module")
def scenes(world):
    """Scenes of every kind, by kind and seed."""
    return {(kind, seed): scene_of(kind, seed, world) for kind in KINDS for seed in SEEDS}


def scene_of(kind, seed, world):
    random = np.random.default_rng(seed)
    return compose(plan_of(kind, random), SHAPE, SIZE, world, random)


def draw(world, seed=0, shape=SHAPE, **settings):
    """A scene of a plan with these settings."""
    return compose(Plan(**settings), shape, SIZE, world, np.random.default_rng(seed))


def inside(token, scene):
    """Whether all of a token is in the image."""
    height, width = scene.image.shape
    return token.height < token.x < width - token.height and token.height < token.y < height - token.height


def check_tokens(scene):
    """Compare each token in the image with its pixels; returns how many there are."""
    found = [token for token in scene.tokens if inside(token, scene)]
    for token in found:
        rows, columns = np.nonzero(scene.owners == token.owner)
        assert len(rows) > 0, token
        assert set(scene.kinds[rows, columns]) == {Kind.MARK if token.character in MARKS else Kind.DIGIT}, token
        x, y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
        assert np.hypot(token.x - x, token.y - y) < 0.2 * token.height + 2, token
        assert max(np.ptp(rows), np.ptp(columns)) < 2 * token.height, token
    assert set(np.unique(scene.owners)) <= {0, *(token.owner for token in scene.tokens)}
    assert np.array_equal(scene.owners > 0, scene.kinds >= Kind.MARK)
    return len(found)


def text_of(scene):
    """The text of a scene from its tokens: rows from top to bottom, numbers from left to right."""
    upright = rotate(scene, -scene.turns)
    written = [(number, list(tokens)) for number, tokens in groupby(upright.tokens, lambda token: token.number)]
    rows = {}
    for _, tokens in written:
        text = "".join(token.character for token in tokens)
        rows.setdefault(tokens[0].row, []).append((tokens[0].x, text))
    return "\n".join(" ".join(text for _, text in sorted(rows[row])) for row in sorted(rows))


def same(scene, other):
    return all(np.array_equal(a, b) for a, b in zip(scene[:3], other[:3], strict=True)) and (
        (scene.tokens, scene.text) == (other.tokens, other.text)
    )


# Kinds


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_is_composed(kind, scenes):
    for seed in SEEDS:
        scene = scenes[kind, seed]
        assert scene.image.dtype == scene.kinds.dtype == np.uint8 and scene.owners.dtype == np.uint16
        assert scene.image.shape == scene.kinds.shape == scene.owners.shape == SHAPE
        assert np.ptp(scene.image) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_scene_and_another_seed_another(kind, scenes, world):
    assert same(scene_of(kind, 1, world), scenes[kind, 1])
    assert not np.array_equal(scenes[kind, 0].image, scenes[kind, 1].image)


@pytest.mark.parametrize("kind", WITH_DIGITS)
def test_tokens_are_where_their_pixels_are(kind, scenes):
    assert sum(check_tokens(scenes[kind, seed]) for seed in SEEDS) >= 3


@pytest.mark.parametrize("kind", WITH_DIGITS)
def test_the_text_has_the_tokens_in_reading_order(kind, scenes):
    for seed in SEEDS:
        assert scenes[kind, seed].text == text_of(scenes[kind, seed]) != ""


@pytest.mark.parametrize("kind", WITHOUT_DIGITS)
def test_kinds_without_digits_have_none(kind, scenes):
    for seed in SEEDS:
        scene = scenes[kind, seed]
        assert scene.tokens == [] and scene.text == ""
        assert scene.kinds.max() <= Kind.OTHER and scene.owners.max() == 0
    assert (scenes["text", 0].kinds == Kind.OTHER).any() and scenes["text", 0].writings


def test_digits_differ_from_the_paper_beside_them(world):
    scene = draw(world, layout="rows", light=DARK, bleed=0.0)
    digits, paper = scene.image[scene.kinds == Kind.DIGIT], scene.image[scene.kinds == Kind.BACKGROUND]
    assert abs(float(np.median(digits)) - float(np.median(paper))) > 15


def test_random_plans_make_scenes_of_every_kind_with_true_tokens(world):
    texts = []
    for seed in range(25):
        random = np.random.default_rng(seed)
        plan = replace(mixed_plan(random), occluder=0.0, gap=(0.1, 0.4))  # which hide parts of digits
        scene = compose(plan, (200, 200), 20.0, world, random)
        check_tokens(scene._replace(tokens=[token for token in scene.tokens if token.character]))
        texts.append(scene.text)
    assert "" in texts and len(set(texts)) > 15


def test_a_page_may_be_larger_than_the_image(world):
    random = np.random.default_rng(1)
    scene = compose(KINDS["rows"], (100, 100), 20.0, world, random, page=(-200.0, -200.0, 300.0, 300.0))
    assert any(not inside(token, scene) for token in scene.tokens)
    check_tokens(scene)


def test_a_number_that_is_struck_out_is_not_in_the_truth(world):
    scene = draw(world, struck=1.0, light=DARK)
    assert scene.text == ""
    assert scene.tokens and all(token.character == "" for token in scene.tokens)
    assert set(np.unique(scene.kinds)) == {Kind.BACKGROUND, Kind.OTHER} and scene.owners.max() == 0


# Rotation


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_rotated_scene_has_rotated_truth(turns, scenes):
    scene = scenes["rows", 0]
    turned = rotate(scene, turns)
    assert turned.turns == turns and turned.text == scene.text
    for array, before in zip(turned[:3], scene[:3], strict=True):
        assert np.array_equal(array, np.rot90(before, turns))
    assert check_tokens(turned) == check_tokens(scene) >= 3
    for writing, before in zip(turned.writings, scene.writings, strict=True):
        assert writing.height == before.height
        # The first corner is the upper left of the writing, wherever that is in the image.
        edge, edge_before = (np.subtract(*each.corners[[1, 0]]) for each in (writing, before))
        turn = np.degrees(np.arctan2(*edge[::-1]) - np.arctan2(*edge_before[::-1]))
        assert turn % 360 == pytest.approx(-90 * turns % 360, abs=0.1)
    back = rotate(turned, -turns)
    assert same(back._replace(tokens=scene.tokens), scene)
    for token, before in zip(back.tokens, scene.tokens, strict=True):
        assert token[2:4] == pytest.approx(before[2:4], abs=0.01)


def test_a_plan_with_turns_gives_the_shape_that_was_asked_for(world):
    upright = draw(world, shape=SHAPE[::-1], layout="rows")
    turned = draw(world, shape=SHAPE, layout="rows", turns=1)
    assert turned.image.shape == SHAPE
    assert same(turned, rotate(upright, 1))


# Handwriting


def draw_strokes(strokes):
    """Draw strokes with a pen of their radius: uint8 (28, 28), bright on 0."""
    image = np.zeros((112, 112), np.uint8)
    for path in strokes.paths:
        points = np.rint(path * 4 * 16).astype(np.int32)
        cv2.polylines(image, [points[:, None]], False, 255, max(1, round(8 * strokes.radius)), cv2.LINE_AA, 4)
    return cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA)


def test_strokes_of_a_thinned_digit_resemble_it_when_they_are_drawn_again():
    digits = np.stack([draw_digit(label, seed) for seed in range(6) for label in range(10)])
    for digit, strokes in zip(digits, strokes_of(digits), strict=True):
        assert 1 <= len(strokes.paths) <= 4
        ink, again = digit > 100, draw_strokes(strokes) > 100
        assert (ink & again).sum() / (ink | again).sum() > 0.7


def test_a_ring_is_one_closed_stroke():
    image = np.zeros((28, 28), np.uint8)
    cv2.circle(image, (14, 14), 8, 255, 2)
    (ring,) = strokes_of(image[np.newaxis])
    (path,) = ring.paths
    assert np.hypot(*(path[0] - path[-1])) < 1
    assert np.hypot(*(path - (14.5, 14.5)).T) == pytest.approx(8, abs=1)


def test_a_hand_keeps_its_digits_in_a_box_of_height_one(world):
    hand = world.writers.hand(np.random.default_rng(3))
    for label in range(10):
        points = np.concatenate(hand.digit(label))
        assert points.dtype == np.float32
        assert points[:, 0].min() == pytest.approx(0, abs=1e-5)
        assert -0.25 < points[:, 1].min() < points[:, 1].max() < 1.25


def shapes_of(hand):
    """Whether the digits of a hand, which are bars here, are upright; those that it draws in its own way left out."""
    digits = [np.concatenate(hand.digit(label)) for label in range(10) if label not in hand.variants]
    return {bool(np.ptp(points[:, 1]) > np.ptp(points[:, 0])) for points in digits}


def test_digits_of_a_hand_are_of_one_writer_or_without_a_table_of_a_random_group():
    images = np.zeros((40, 28, 28), np.uint8)
    images[:20, 4:24, 12:16] = 255  # one writer writes upright bars
    images[20:, 12:16, 4:24] = 255
    labels, writers = np.arange(40) % 10, np.arange(40) // 20
    seeds = [np.random.default_rng(seed) for seed in range(12)]
    known = Writers(strokes_of(images), labels, writers)
    assert {tuple(shapes_of(known.hand(random))) for random in seeds} == {(True,), (False,)}
    unknown = load_writers(images, labels)
    assert {True, False} in [shapes_of(unknown.hand(random)) for random in seeds]


def test_random_groups_are_the_same_every_time(drawn_digits):
    first, second = (load_writers(*drawn_digits).hand(np.random.default_rng(0)).digit(5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_too_few_digits_are_refused(drawn_digits):
    images, labels = drawn_digits
    with pytest.raises(UsageError, match="without any: 7, 9"):
        load_writers(images[(labels != 7) & (labels != 9)], labels[(labels != 7) & (labels != 9)])
    with pytest.raises(UsageError, match="at least 8 digits"):
        load_writers(images, labels, np.arange(50))


def test_digits_whose_strokes_do_not_show_them_are_left_out(drawn_digits):
    assert legible_strokes(*drawn_digits)[1].mean() > 0.9
    eights = np.zeros((2, 28, 28), np.uint8)
    for image, pen in zip(eights, (0.09, 0.25), strict=True):  # the loops of the second one are full of ink
        image[4:24, 4:24] = draw_digit(8, 3, 20, pen)
    strokes, legible = legible_strokes(eights, np.full(2, 8))
    assert legible.tolist() == [True, False]
    assert len(strokes) == 2


# Fonts


@pytest.fixture
def no_fonts(tmp_path, monkeypatch):
    """Folders without fonts, in place of those of matplotlib and the system."""
    monkeypatch.setattr(fonts, "FONTS", tmp_path)
    monkeypatch.setattr(fonts.matplotlib, "get_data_path", lambda: str(tmp_path / "matplotlib"))
    for function in (fonts.print_fonts, fonts.script_fonts, fonts.decorative_fonts):
        function.cache_clear()
    yield tmp_path
    for function in (fonts.print_fonts, fonts.script_fonts, fonts.decorative_fonts):
        function.cache_clear()


def test_without_fonts_the_packages_to_install_are_named(no_fonts):
    with pytest.raises(FontError) as caught:
        fonts.print_fonts()
    assert all(package in str(caught.value) for package in (fonts.PRINT | fonts.SCRIPT | fonts.DECORATIVE))
    assert "\n" not in str(caught.value)


def test_one_installed_font_is_used_for_everything(no_fonts):
    font = no_fonts / "truetype" / "lato" / "Lato-Regular.ttf"
    font.parent.mkdir(parents=True)
    font.touch()
    font.with_name("Lato-Symbols.ttf").touch()
    assert fonts.print_fonts() == fonts.script_fonts() == fonts.decorative_fonts() == (font,)


def test_glyphs_of_digits_stand_on_the_base_line(world):
    found = [glyph for font in world.print_fonts if (glyph := fonts.glyph(font, "1"))]
    assert len(found) > 0.8 * len(world.print_fonts)
    bases = []
    for contours, advance in found:
        y = np.concatenate(contours)[:, 1]
        assert y.max() - y.min() == pytest.approx(1, abs=0.05)
        assert 0.1 < advance < 2
        bases.append(float(y.max()))
    assert np.median(bases) == pytest.approx(1, abs=0.02)
    assert fonts.glyph(world.print_fonts[0], "\ue123") is None


# Canvas


def test_a_digit_is_not_covered_by_other_ink_and_is_hidden_by_an_object():
    canvas = Canvas(np.full((40, 40), 200, np.float32))
    upright, level = np.array([[20.0, 5.0], [20.0, 35.0]]), np.array([[5.0, 20.0], [35.0, 20.0]])
    canvas.path(upright, 2.0, Kind.DIGIT, 7)
    canvas.path(level, 2.0, Kind.OTHER)
    canvas.ink(0)
    assert canvas.gray[20, 20] == 0 and canvas.gray[5, 5] == 200
    assert (canvas.kinds[20, 20], canvas.owners[20, 20]) == (Kind.DIGIT, 7)
    assert (canvas.kinds[20, 10], canvas.owners[20, 10]) == (Kind.OTHER, 0)
    canvas.polygon([np.array([[0, 0], [40, 0], [40, 25], [0, 25]])], Kind.BACKGROUND)
    canvas.hide(*canvas.take_coverage())
    assert canvas.kinds[20].max() == 0 and canvas.owners[20].max() == 0
    assert canvas.owners[30, 20] == 7
    assert canvas.take_coverage() is None


def test_the_scale_of_a_mapping_is_that_of_small_shapes():
    matrix = np.array([[0.9, 0.2, 5], [-0.1, 1.1, 3], [0.001, 0.0005, 1]])
    mapping = Mapping(matrix)
    corners = np.array([[50, 40], [51, 40], [51, 41], [50, 41]], np.float64)
    area = cv2.contourArea(mapping(corners))
    assert mapping.scale((50.5, 40.5)) == pytest.approx(np.sqrt(area), rel=0.01)


def test_a_stroke_near_the_horizon_of_the_perspective_is_not_drawn():
    canvas = Canvas(np.full((40, 40), 200, np.float32), Mapping(np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]])))
    canvas.path(np.array([[99.99, 20.0], [10.0, 20.0]]), 2.0, Kind.OTHER)  # ten million pixels wide at its start
    canvas.ink(0)
    assert (canvas.gray == 200).all()
