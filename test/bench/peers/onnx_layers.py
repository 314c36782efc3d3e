"""ONNX graphs of one SmolLM2-135M layer's linears and of one ViT-B layer's, for onnxruntime-web; rows are dynamic.

PyPI onnx 1.19.0, numpy. Usage: onnx_layers.py FOLDER
Kinds: dq8 = DynamicQuantizeLinear + MatMulInteger (u8 x s8, one scale a tensor; the runtime fuses it), nb4 = MatMulNBits with
4 bits, blocks of 32, activations in int8 (accuracy level 4), f32 = MatMul. What stands between the linears is no more than what
makes each depend on the one before.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCK = 32
numbers = np.random.default_rng(0)


class Graph:
    def __init__(self):
        self.nodes = []
        self.weights = []

    def weight(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def apply(self, op, inputs, results=1, **attributes):
        names = [f"t{len(self.nodes)}_{i}" for i in range(results)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if results == 1 else names

    def linear(self, x, inputs, results, kind):
        if kind == "f32":
            return self.apply("MatMul", [x, self.weight(numbers.normal(0, 0.02, (inputs, results)).astype(np.float32))])
        if kind == "nb4":
            nibbles = numbers.integers(0, 256, (results, inputs // BLOCK, BLOCK // 2), dtype=np.uint8)
            scales = numbers.uniform(1e-3, 1e-2, results * inputs // BLOCK).astype(np.float32)
            attributes = dict(K=inputs, N=results, bits=4, block_size=BLOCK, accuracy_level=4)
            return self.apply(
                "MatMulNBits", [x, self.weight(nibbles), self.weight(scales)], domain="com.microsoft", **attributes
            )
        quantized, scale, zero = self.apply("DynamicQuantizeLinear", [x], 3)
        matrix = self.weight(numbers.integers(-127, 128, (inputs, results)).astype(np.int8))
        product = self.apply("MatMulInteger", [quantized, matrix, zero, self.weight(np.array(0, np.int8))])
        product = self.apply("Cast", [product], to=TensorProto.FLOAT)
        return self.apply("Mul", [product, self.apply("Mul", [scale, self.weight(np.array(2e-4, np.float32))])])

    def save(self, path, y, width):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", width])
        out = helper.make_tensor_value_info(y, TensorProto.FLOAT, ["rows", width])
        graph = helper.make_graph(self.nodes, "layer", [x], [out], self.weights)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def smollm2(kind):
    g, width, keys, hidden = Graph(), 576, 192, 1536
    q, k, v = (g.linear("x", width, n, kind) for n in (width, keys, keys))
    mixed = g.apply("Add", [q, g.apply("Concat", [k, v, k], axis=1)])
    r = g.apply("Add", ["x", g.linear(mixed, width, width, kind)])
    gate, up = (g.linear(r, width, hidden, kind) for _ in range(2))
    silu = g.apply("Mul", [gate, g.apply("Sigmoid", [gate])])
    down = g.linear(g.apply("Mul", [silu, up]), hidden, width, kind)
    return g, g.apply("Add", [r, down]), width


def vit_b(kind):
    g, width, hidden = Graph(), 768, 3072
    q, k, v = (g.linear("x", width, width, kind) for _ in range(3))
    mixed = g.apply("Add", [g.apply("Add", [q, k]), v])
    r = g.apply("Add", ["x", g.linear(mixed, width, width, kind)])
    up = g.linear(r, width, hidden, kind)
    down = g.linear(g.apply("Mul", [up, g.apply("Sigmoid", [up])]), hidden, width, kind)
    return g, g.apply("Add", [r, down]), width


for layer in (smollm2, vit_b):
    for kind in ("dq8", "nb4", "f32"):
        graph, y, width = layer(kind)
        graph.save(f"{sys.argv[1]}/{layer.__name__}-{kind}.onnx", y, width)
