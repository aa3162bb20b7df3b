"""Silero VAD v6 for many calls at once: the published network, written anew as products of large matrices. Pure.

As it is published each convolution goes over the four steps of one window, and onnxruntime does one window after the other: its weights
are read for each of them. Here the windows of all calls are the rows of one matrix, what is known to be nought (a convolution's
margins) isn't multiplied, and a window costs a third (19 µs in place of 55 to 70, 32 windows at once). The numbers are the same but
for the order of the sums: some 1e-6. An ONNX file is protobuf, of which little is needed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32] | npt.NDArray[np.int64]

_SHAPES = {
    "encoder.feature_extractor.forward_basis_buffer": (258, 1, 256),
    "encoder.conv_layers.0.weight": (128, 129, 3), "encoder.conv_layers.0.bias": (128,),
    "encoder.conv_layers.1.weight": (64, 128, 3), "encoder.conv_layers.1.bias": (64,),
    "encoder.conv_layers.2.weight": (64, 64, 3), "encoder.conv_layers.2.bias": (64,),
    "encoder.conv_layers.3.weight": (128, 64, 3), "encoder.conv_layers.3.bias": (128,),
    "onnx::LSTM_209": (1, 512, 128), "onnx::LSTM_210": (1, 512, 128), "onnx::LSTM_211": (1, 1024),
    "decoder.conv1d.weight": (1, 128, 1), "decoder.conv1d.bias": (1,),
}  # fmt: skip
"""Of the published weights."""
_MIDDLE = 128
"""Of the 256 samples that the frequencies are looked for in; the first counts for nothing."""
_HALF_THE_MIDDLE = np.where(np.arange(1, _MIDDLE + 1) == _MIDDLE, np.float32(0.5), np.float32(1))[:, None]
"""It is on both sides."""
_FLOAT32, _INT64 = 1, 7
_IR_VERSION, _OPSET = 8, 18


def for_many_calls(model: bytes) -> bytes:
    """The file for rows of calls: ``input`` (n × 576), ``h`` and ``c`` (1 × n × 128) → n answers, and the states behind them.
    Raises ``ValueError`` for a file with other weights. Whether it is the same network, running both tells."""
    weights = _weights(model)
    if {name: weights[name].shape for name in _SHAPES if name in weights} != _SHAPES:
        raise ValueError("This is not Silero VAD v6 as it was published.")
    return _written(weights)


def _written(weights: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    def taps(layer: int, first: int = 0, last: int = 3) -> npt.NDArray[np.float32]:
        """A convolution's weights as a matrix: the taps that ever meet a sound, one below the other."""
        kernel = weights[f"encoder.conv_layers.{layer}.weight"][:, :, first:last]
        return kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])

    graph = _Graph()
    new = graph.constant
    add = graph.add
    bias = [new(weights[f"encoder.conv_layers.{layer}.bias"]) for layer in range(4)]

    # Four pieces of 256 samples, each 128 after the one before, and how strong each of 129 frequencies is in them.
    padded = add("Pad", "input", new(_ints(0, 0, 0, 64)), mode="reflect")
    hops = add("Reshape", padded, new(_ints(-1, 5, 128)))
    pieces = add("Concat", graph.slice(hops, 1, 0, 4), graph.slice(hops, 1, 1, 5), axis=2)
    # A cosine is the same from its middle to either side and a sine its opposite, so half of each is multiplied.
    basis = weights["encoder.feature_extractor.forward_basis_buffer"][:, 0, 1 : _MIDDLE + 1].T * _HALF_THE_MIDDLE
    one_side = graph.slice(pieces, 2, 1, _MIDDLE + 1)
    other_side = graph.slice(pieces, 2, 2 * _MIDDLE - 1, _MIDDLE - 1, step=-1)
    cosines = add("MatMul", add("Add", one_side, other_side), new(np.ascontiguousarray(basis[:, :129])))
    sines = add("MatMul", add("Sub", one_side, other_side), new(np.ascontiguousarray(basis[:, 129:])))
    strength = add("Sqrt", add("Add", add("Mul", cosines, cosines), add("Mul", sines, sines)))

    # Four steps, each with its neighbours.
    margins = add("Pad", strength, new(_ints(0, 1, 0, 0, 1, 0)))
    before, after = graph.slice(margins, 1, 0, 4), graph.slice(margins, 1, 2, 6)
    rows = add("Reshape", add("Concat", before, strength, after, axis=2), new(_ints(-1, 3 * 129)))
    steps = add("Relu", add("Gemm", rows, new(taps(0)), bias[0]))

    # Two of four: nothing and the first two, and the last three.
    side_by_side = add("Pad", add("Reshape", steps, new(_ints(-1, 4 * 128))), new(_ints(0, 128, 0, 0)))
    both = add("Concat", graph.slice(side_by_side, 1, 0, 384), graph.slice(side_by_side, 1, 256, 640), axis=1)
    halves = add("Relu", add("Gemm", add("Reshape", both, new(_ints(-1, 384))), new(taps(1)), bias[1]))

    # One of two, and that one by itself: the taps beside it meet margins only.
    pair = add("Reshape", halves, new(_ints(-1, 128)))
    one = add("Relu", add("Gemm", pair, new(taps(2, first=1)), bias[2]))
    sound = add("Relu", add("Gemm", one, new(taps(3, first=1, last=2)), bias[3]))

    memory = [new(weights[f"onnx::LSTM_{number}"]) for number in (209, 210, 211)]
    step = add("Unsqueeze", sound, new(_ints(0)))
    graph.node("LSTM", (step, *memory, "", "h", "c"), ("", "hn", "cn"), hidden_size=128)
    heard = add("Reshape", add("Relu", "hn"), new(_ints(-1, 128)))
    answer = add("Gemm", heard, new(weights["decoder.conv1d.weight"][0]), new(weights["decoder.conv1d.bias"]))
    graph.node("Sigmoid", (answer,), ("speech_probs",))

    state = (1, "n", 128)
    return graph.encode(
        {"input": ("n", 576), "h": state, "c": state}, {"speech_probs": ("n", 1), "hn": state, "cn": state}
    )


def _ints(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, np.int64)


# ---- ONNX


class _Graph:
    """Of operations, in the order in which they are done. Names are given here."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def constant(self, values: Array) -> str:
        name = f"constant {len(self._constants)}"
        kind = _FLOAT32 if values.dtype == np.float32 else _INT64
        dims = b"".join(_field(1, size) for size in values.shape)
        self._constants.append(dims + _field(2, kind) + _field(8, name) + _field(9, values.tobytes()))
        return name

    def add(self, operation: str, *inputs: str, **options: int | str) -> str:
        """With one result; its name."""
        result = f"result {len(self._nodes)}"
        self.node(operation, inputs, (result,), **options)
        return result

    def slice(self, of: str, axis: int, begin: int, end: int, step: int = 1) -> str:
        return self.add("Slice", of, *[self.constant(_ints(value)) for value in (begin, end, axis, step)])

    def node(self, operation: str, inputs: tuple[str, ...], results: tuple[str, ...], **options: int | str) -> None:
        named = b"".join(_field(1, name) for name in inputs) + b"".join(_field(2, name) for name in results)
        self._nodes.append(
            named + _field(4, operation) + b"".join(_field(5, _option(*each)) for each in options.items())
        )

    def encode(
        self, inputs: Mapping[str, tuple[int | str, ...]], results: Mapping[str, tuple[int | str, ...]]
    ) -> bytes:
        graph = b"".join(_field(1, node) for node in self._nodes) + _field(2, "silero_vad_for_many_calls")
        graph += b"".join(_field(5, constant) for constant in self._constants)
        graph += b"".join(_field(11, _described(*each)) for each in inputs.items())
        graph += b"".join(_field(12, _described(*each)) for each in results.items())
        return _field(1, _IR_VERSION) + _field(7, graph) + _field(8, _field(1, "") + _field(2, _OPSET))


def _option(name: str, value: int | str) -> bytes:
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, 2)
    return _field(1, name) + _field(4, value) + _field(20, 3)


def _described(name: str, shape: tuple[int | str, ...]) -> bytes:
    """A tensor of floats; a word is a size that is known when it runs."""
    dims = b"".join(_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT32) + _field(2, dims)))


def _weights(model: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of floats in a file. Raises ``ValueError`` for one that is no ONNX."""
    found: dict[str, npt.NDArray[np.float32]] = {}
    try:
        for constant in _all(_one(model, 7), 5):
            parts = list(_fields(constant))
            by_number = dict(parts)
            if by_number.get(2) == _FLOAT32 and isinstance(data := by_number.get(9), bytes):
                shape = [value for number, value in parts if number == 1 and isinstance(value, int)]
                found[str(by_number[8], "utf-8")] = np.frombuffer(data, "<f4").reshape(shape)  # type: ignore[arg-type]
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("This is no ONNX file.") from error
    return found


# ---- protobuf


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
            continue
        size = {1: 8, 2: -1, 5: 4}[kind]
        size = varint() if size < 0 else size
        yield number, data[at : at + size]
        at += size


def _all(data: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in _fields(data) if number == wanted and isinstance(value, bytes)]


def _one(data: bytes, wanted: int) -> bytes:
    return _all(data, wanted)[0]
