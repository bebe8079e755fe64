"""A network that begins with another's weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MethodType

import torch
from torch import Tensor, nn

from sonde.contracts.model import HEADS, RATE, Blueprint, Pretrained
from sonde.core.errors import StorageError, UsageError, listed
from sonde.core.notice import tell
from sonde.core.port import Ports
from sonde.run._header import read_header
from sonde.run.archive import read_archive
from sonde.run.encoder_columns import MODEL, refuse_other_order
from sonde.run.weights import load_tensors


def begin_with(network: nn.Module, blueprint: Blueprint, inputs: Ports) -> None:
    """Give a new network the weights its blueprint names, if any; its heads stay as they are.

    Args:
        network: built from chance.
        blueprint: names the encoder.
        inputs: what the network reads.

    Raises:
        StorageError: there is no such file.
        DamagedBundle: it is not what was sealed, or no safetensors file.
        UsageError: it holds other weights than this network has; names them.
    """
    if blueprint.encoder is None:
        _refuse_inner(blueprint)
        return
    asked = blueprint.encoder
    refuse_other_order(asked, inputs)
    held, digest = _weights(asked.path)
    own = {name: each for name, each in network.state_dict().items() if not _of_heads(name)}
    _refuse_others(asked.path, held, own)
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(held[name])
    if asked.freeze:
        _freeze(network)
    elif asked.decay < 1:
        _slow_down(network, asked.decay)
    _say(asked, own, digest)


def _weights(path: str) -> tuple[dict[str, Tensor], str]:
    """The finite tensors of a model or a safetensors file but its heads', and a hash of all."""
    try:
        data = Path(path).read_bytes() if not path.endswith(MODEL) else b""
    except OSError as error:
        raise StorageError(f"encoder {path}: cannot be read: {error}") from None
    view = memoryview(data) if data else read_archive(path).members["weights.safetensors"]
    layout = {span.name: (span.dtype, tuple(span.shape)) for span in read_header(view, where=path)}
    held = load_tensors(view, layout, where=path)
    kept = {name: tensor for name, tensor in held.items() if not _of_heads(name)}
    return kept, hashlib.sha256(view).hexdigest()[:12]


def _of_heads(name: str) -> bool:
    return HEADS in name.split(".")


def _refuse_inner(blueprint: Blueprint) -> None:
    """An encoder below the outermost blueprint would be passed over."""
    for name in type(blueprint).model_fields:
        inner = getattr(blueprint, name)
        if isinstance(inner, Blueprint) and inner.encoder is not None:
            raise UsageError(
                f"{blueprint.kind}.{name} names an encoder, and only the whole model can begin "
                f"with other weights. Name it under model: {{kind: {blueprint.kind}, encoder: ...}}"
            )


def _refuse_others(path: str, held: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Weights fit where names and shapes are equal; anything else is said, never passed over."""
    missing = [name for name in own if name not in held]
    extra = [name for name in held if name not in own]
    other = [
        f"{name} is {tuple(held[name].shape)}, here {tuple(own[name].shape)}"
        for name in own
        if name in held and held[name].shape != own[name].shape
    ]
    found = [
        f"{what}: {listed(names, 4)}"
        for what, names in (
            ("not in it", missing),
            ("only in it", extra),
            ("of other shape", other),
        )
        if names
    ]
    if found:
        raise UsageError(
            f"encoder {path} does not fit this network. {'; '.join(found)}. Take the blueprint, "
            "the columns and the picture size it was trained with; heads may differ."
        )


def _freeze(network: nn.Module) -> None:
    """Weights outside the heads get no gradient, and their modules stay in evaluation."""
    for name, weight in network.named_parameters():
        if not _of_heads(name):
            weight.requires_grad_(False)
    for name, module in network.named_modules():
        own = any(True for _ in module.parameters()) or any(True for _ in module.buffers())
        apart = name and not _of_heads(name) and not _holds_heads(module)
        if own and apart:
            module.eval()
            # bound to the module, so that a copy of the network binds it to its own
            module.train = MethodType(_stay, module)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise UsageError("freeze leaves nothing to learn: this network has no heads of its own")


def _holds_heads(module: nn.Module) -> bool:
    return any(_of_heads(name) for name, _ in module.named_modules())


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001
    """In place of `train`: what is frozen also keeps its statistics and drops nothing."""
    return module


def _slow_down(network: nn.Module, decay: float) -> None:
    """Each layer's part of the learning rate, from the heads (1) down to the inputs."""
    layers = list(_layers(network))
    for depth, weights in enumerate(reversed(layers), start=1):
        for weight in weights:
            setattr(weight, RATE, decay**depth)


def _layers(network: nn.Module) -> Iterator[list[Tensor]]:
    """Weights outside the heads, layer by layer: a matrix or kernel, and what follows it."""
    layer: list[Tensor] = []
    for name, weight in network.named_parameters():
        if _of_heads(name):
            continue
        if weight.ndim >= 2 and any(each.ndim >= 2 for each in layer):
            yield layer
            layer = []
        layer.append(weight)
    if layer:
        yield layer


def _say(asked: Pretrained, taken: Mapping[str, Tensor], digest: str) -> None:
    how = "frozen" if asked.freeze else f"layer-wise rates {asked.decay:g}"
    count = sum(tensor.numel() for tensor in taken.values())
    more = f", {how}" if asked.freeze or asked.decay < 1 else ""
    tell(f"encoder    {asked.path} ({digest}), {count:,} weights{more}; heads from chance")
