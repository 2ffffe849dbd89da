"""Networks of every supported operator on the NumPy backend: LiteRT's outputs, and bounded cost for any file."""

import tracemalloc

import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema

from edge_runtime import limits
from edge_runtime.backends import litert, numpy_int8
from edge_runtime.bundles.bundle import Shapes
from edge_runtime.errors import BackendError, UnsupportedModelError
from tests.backends.networks import edited, network


def run(backend, model, image, images):
    return backend.load(model, 1, Shapes(image, ())).run(images)


def noise(count, image):
    return np.random.default_rng(9).integers(0, 256, (count, *image), np.uint8)


def check_equal(model, image, images, least=100):
    """least: different outputs that show that something was compared."""
    theirs = run(litert, model, image, images)
    assert len(np.unique(theirs)) > least
    np.testing.assert_array_equal(run(numpy_int8, model, image, images), theirs)


@pytest.mark.parametrize(("name", "count"), [("page", 2), ("mixed", 200)])
def test_networks_of_convolutions_give_the_outputs_of_litert(name, count):
    model, image = network(name)
    check_equal(model, image, noise(count, image))


def test_images_give_the_same_outputs_alone_and_in_a_batch():
    model, image = network("mixed")
    images = noise(70, image)
    alone = np.concatenate([run(numpy_int8, model, image, images[at : at + 1]) for at in range(len(images))])
    np.testing.assert_array_equal(run(numpy_int8, model, image, images), alone)


@pytest.mark.parametrize("seed", range(8))
def test_sums_of_two_tensors_of_any_scale_are_those_of_litert(seed):
    """Of every pair of numbers."""
    model, image = network("pairs")
    random = np.random.default_rng(seed)

    def change_scales(content, graph):
        (addition,) = operators(content, graph, schema.BuiltinOperator.ADD)
        for number in [*addition.inputs, *addition.outputs]:
            quantisation = graph.tensors[number].quantization
            quantisation.scale = [np.exp(random.uniform(-2, 2))]
            quantisation.zeroPoint = [int(random.integers(-128, 128))]

    first, second = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pairs = np.stack([first, second], -1).reshape(1, *image)
    changed = edited(model, change_scales)
    np.testing.assert_array_equal(run(numpy_int8, changed, image, pairs), run(litert, changed, image, pairs))


def test_products_beyond_the_exact_range_of_float32_stay_exact():
    """A bias of many bits, and so small a scale that the last bits of a sum decide."""
    model, image = network("mixed")
    random = np.random.default_rng(5)

    def change(content, graph):
        for code in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D):
            for operator in operators(content, graph, code):
                weights, bias = (graph.tensors[number] for number in operator.inputs[1:])
                numbers = random.integers(20_000_000, 60_000_000, bias.shape, np.int32)
                content.buffers[bias.buffer].data = numbers.view(np.uint8)
                scales = np.array(weights.quantization.scale)
                sums = graph.tensors[operator.inputs[0]].quantization.scale[0] * scales * 4e7
                weights.quantization.scale = scales * graph.tensors[operator.outputs[0]].quantization.scale[0] / sums

    check_equal(edited(model, change), image, noise(50, image), least=5)


def operators(content, graph, code):
    codes = [each.builtinCode for each in content.operatorCodes]
    return [operator for operator in graph.operators if codes[operator.opcodeIndex] == code]


def test_an_operator_that_is_not_supported_is_named():
    model, image = network("mixed")

    def change(content, graph):
        for each in content.operatorCodes:
            if each.builtinCode == schema.BuiltinOperator.MAX_POOL_2D:
                each.builtinCode = each.deprecatedBuiltinCode = schema.BuiltinOperator.AVERAGE_POOL_2D

    with pytest.raises(UnsupportedModelError, match=r"cannot run the model \(it has operator 1\).*ai-edge-litert"):
        run(numpy_int8, edited(model, change), image, noise(1, image))


# Files that would cost too much


HUGE = 2**31 - 1
Code = schema.BuiltinOperator


def options(code, **values):
    """Change options of all operators of a kind."""

    def change(content, graph):
        for operator in operators(content, graph, code):
            vars(operator.builtinOptions).update(values)

    return change


def constant(code, *numbers):
    """Change the numbers that are the second input of all operators of a kind."""

    def change(content, graph):
        for operator in operators(content, graph, code):
            content.buffers[graph.tensors[operator.inputs[1]].buffer].data = np.array(numbers, "<i4").view(np.uint8)

    return change


def weight_shape(code, *shape):
    """Change the shape of weights, whose data stay."""

    def change(content, graph):
        for operator in operators(content, graph, code):
            graph.tensors[operator.inputs[1]].shape = np.array(shape, np.int32)

    return change


def image_of(*shape):
    def change(content, graph):
        graph.tensors[graph.inputs[0]].shape = np.array(shape, np.int32)

    return change


BAD = {
    "a resize to a huge image": constant(Code.RESIZE_NEAREST_NEIGHBOR, HUGE, HUGE),
    "a resize to nothing": constant(Code.RESIZE_NEAREST_NEIGHBOR, 0, 0),
    "a huge padding": constant(Code.PAD, 0, 0, 0, HUGE, 0, HUGE, 0, 0),
    "a negative padding": constant(Code.PAD, 0, 0, -1, 0, 0, 0, 0, 0),
    "a padded batch": constant(Code.PAD, 0, 1, 0, 0, 0, 0, 0, 0),
    "axes that are not": constant(Code.TRANSPOSE, 0, 7, 1, 2),
    "a pool of a huge window": options(Code.MAX_POOL_2D, filterWidth=HUGE, filterHeight=HUGE, padding=0),
    "a pool of a wide window": options(Code.MAX_POOL_2D, filterWidth=60_000, filterHeight=1, padding=0),
    "a pool without a stride": options(Code.MAX_POOL_2D, strideW=0),
    "a convolution with a negative stride": options(Code.CONV_2D, strideH=-1),
    "a convolution of no size": weight_shape(Code.CONV_2D, 8, 0, 3, 1),
    "a convolution of negative sizes": weight_shape(Code.CONV_2D, 8, -3, -3, 1),
    "a convolution of a huge window": weight_shape(Code.CONV_2D, 1, HUGE, HUGE, 1),
    "weights of another size": weight_shape(Code.DEPTHWISE_CONV_2D, 1, 9, 9, 12),
    "an axis that is not": options(Code.CONCATENATION, axis=9),
    "a huge image": image_of(1, HUGE, HUGE),
    "an empty image": image_of(1, 0, 0),
    "an image of many axes": image_of(*[1] * 100),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_shapes_and_sizes_of_a_file_are_checked_before_they_cost_memory(change):
    model, image = network("mixed")
    changed = edited(model, change)
    assert changed != edited(model, lambda content, graph: None)
    tracemalloc.start()
    try:
        with pytest.raises(BackendError, match="NumPy refuses the model: ") as caught:
            run(numpy_int8, changed, image, noise(1, image))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("MODEL_COST", "multiplications for one image"),
        ("MODEL_VALUES", "values at the same time"),
        ("WEIGHT_BYTES", "more data than the file or the limit"),
        ("LAYER_VALUES", "a layer of shape"),
        ("MODEL_TABLES", "tables; at most"),
    ],
)
def test_a_network_over_a_limit_is_refused(limit, message, monkeypatch):
    model, image = network("mixed")
    monkeypatch.setattr(limits, limit, 12)
    with pytest.raises(BackendError, match=message):
        run(numpy_int8, model, image, noise(1, image))


def test_a_batch_of_large_images_needs_no_more_memory_than_one():
    model, image = network("page")
    images = noise(12, image)
    backend = numpy_int8.load(model, 1, Shapes(image, ()))
    peaks = []
    for part in (images[:1], images):
        tracemalloc.start()
        backend.run(part)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2 * 12 * 64 * 64 * 45  # the outputs of all, and a copy
    assert peaks[0] < 12_000_000
