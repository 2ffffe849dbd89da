"""The arithmetic limit: the multiplications of a network, and those that this processor does in a second."""

import time
from math import prod

import numpy as np

SIDE = 512  # of the square product: its matrices fit a core's second cache
ROUNDS = 200


def macs(model: bytes) -> int:
    """Return the multiply-accumulates of a .tflite file for one digit."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without delegates, which would replace the operations by one.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    interpreter.invoke()  # on zeros: only then are all shapes known
    shapes = {tensor["index"]: tensor["shape"].tolist() for tensor in interpreter.get_tensor_details()}
    total = 0
    for operation in interpreter._get_ops_details():  # there is no public API
        name, result = operation["op_name"], shapes[operation["outputs"][0]]
        if name == "FULLY_CONNECTED":  # of each row
            total += prod(shapes[operation["inputs"][1]]) * prod(result[:-1])
        elif name in ("CONV_2D", "DEPTHWISE_CONV_2D"):  # of each pixel: filters (outputs, height, width, inputs)
            total += prod(shapes[operation["inputs"][1]]) * prod(result[1:3])
        elif name == "BATCH_MATMUL":
            total += prod(result) * shapes[operation["inputs"][0]][-1]
    return total


def peak() -> float:
    """Return the int8 multiply-accumulates a second of this thread: the best of many square products.

    By ONNX Runtime, whose kernel for unsigned by signed bytes uses what the processor has for them (VNNI, AMX, dot
    products).
    """
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    generator = np.random.default_rng(0)
    weights = generator.integers(-127, 128, (SIDE, SIDE), np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["pixels", "weights"], ["sums"])],
        "product",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [SIDE, SIDE])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [SIDE, SIDE])],
        [helper.make_tensor("weights", TensorProto.INT8, weights.shape, weights.tobytes(), raw=True)],
    )
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    pixels = generator.integers(0, 256, (SIDE, SIDE), np.uint8)
    quickest = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        session.run(None, {"pixels": pixels})
        quickest = min(quickest, time.perf_counter() - began)
    return SIDE**3 / quickest
