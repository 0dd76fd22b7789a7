"""Parameters, multiplications, delay and reach of the modules, at the paper's size and here (section IV-F)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from thinwire.artifacts import atomic_path, write_json
from thinwire.errors import PipelineError
from thinwire.evaluation.places import RESULTS
from thinwire.nn.causal import CausalConv2d, CausalConvTranspose2d, TemporalConvLayer
from thinwire.nn.complex_discriminator import POOLED, ComplexDiscriminator
from thinwire.nn.trainable import count_by_part, count_parameters
from thinwire.params import Params
from thinwire.params.tfcodec import STEP_FRAMES, Settings, TfRow
from thinwire.seeding import seed_everything
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.predictor import fold_steps

PAPER = Path("presets/paper.yaml")
FRAMES_PER_S = 100
SAMPLE_RATE = 16_000
ONE_SECOND = FRAMES_PER_S * 160 - 480
"""Samples that make exactly FRAMES_PER_S frames of the causal framing."""


def paper_settings(path: Path = PAPER) -> Settings:
    """The codec's settings at the paper's size; raises PipelineError where the preset does not hold them."""
    try:
        return Settings(**yaml.safe_load(path.read_text("utf-8"))["systems"]["tfcodec"])
    except (FileNotFoundError, KeyError, TypeError, ValidationError) as error:
        raise PipelineError(f"{path}: systems.tfcodec: cannot be read ({error}); restore the preset") from error


def parameters(model: TfCodec) -> dict[str, int]:
    """Trainable numbers of each part; `total` as in the paper, without the codebooks."""

    parts = count_by_part(model)
    loop = sum(parts[part] for part in ("predictor", "extractor", "synthesizer")) if model.predictive else 0
    shown = {"encoder": parts["encoder"], "decoder": parts["decoder"], "predictive": loop}
    return shown | {"total": sum(shown.values()), "quantiser": parts["quantiser"]}


def _macs(module: nn.Module, run: Callable[[], object]) -> int:
    """Multiplications of a call. To be fast, strided convolutions compute more than they must, with zeros of folded
    kernels, and depthwise ones go unnoticed by the counter; both count by definition.
    """
    needed: dict[str, int] = {}
    handles = []
    for name, part in module.named_modules():
        if isinstance(part, CausalConv2d | CausalConvTranspose2d | TemporalConvLayer):

            def note(part: nn.Module, inputs: Any, output: Tensor, name: str = name) -> None:
                needed[name] = _by_definition(part, inputs[0], output)

            handles.append(part.register_forward_hook(note))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        run()
    for handle in handles:
        handle.remove()
    root = type(module).__name__
    done = {name: sum(counts.values()) // 2 for name, counts in counter.get_flop_counts().items()}
    return done["Global"] + sum(macs - done[f"{root}.{name}"] for name, macs in needed.items())


def _by_definition(part: nn.Module, x: Tensor, y: Tensor) -> int:
    """Multiplications of a convolution (B, C, T, F), or of a temporal layer (B, T, C)."""
    if isinstance(part, TemporalConvLayer):
        return y.shape[0] * y.shape[1] * sum(p.numel() for p in part.parameters() if p.dim() > 1)
    weight = part.get_parameter("weight")
    return weight.numel() * y.shape[0] * y.shape[2] * (y if isinstance(part, CausalConv2d) else x).shape[3]


def macs_per_second(model: TfCodec) -> dict[str, int]:
    """Multiplications (MACs) for a second of audio by part of a frozen model; without STFT and entropy coding."""
    audio = torch.randn(1, ONE_SECOND, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        X = model.analyse(audio)
        x_R = model.encoder(X)
    counts = {
        "encoder": _macs(model.encoder, lambda: model.encoder(X)),
        "decoder": _macs(model.decoder, lambda: model.decoder(x_R)),
        "quantiser": _macs(model.quantiser, lambda: model.quantiser.encode(x_R)),
    }
    x = x_R.transpose(1, 2)
    if model.predictive:
        steps = fold_steps(x_R)
        counts["predictor"] = _macs(model.predictor, lambda: model.predictor(steps))
        counts["extractor"] = _macs(model.extractor, lambda: model.extractor(x, x))
        counts["synthesizer"] = _macs(model.synthesizer, lambda: model.synthesizer(x, x))
    loop = sum(counts.pop(name, 0) for name in ("predictor", "extractor", "synthesizer"))
    return counts | {"predictive": loop}


def delay_ms(model: TfCodec) -> dict[str, float]:
    """By construction: the window and three more frames. Measured: how far ahead of an output sample the last input
    sample lies that has a gradient to it, plus that sample, over the frames of a step.
    """
    hop = model.hop_length
    window, grouping = model.n_fft / SAMPLE_RATE, (STEP_FRAMES - 1) * hop / SAMPLE_RATE
    exact = model.double()
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(1, 12 * STEP_FRAMES * hop, generator=generator, dtype=torch.float64).requires_grad_(True)
    y = exact.decode_latent(exact.loop(exact.encode_latent(audio)).x_hat_R, audio.shape[1])
    furthest = 0
    first = 6 * STEP_FRAMES * hop
    # The second sample of a hop is the first in which its newest window is not zero.
    for place in range(first + 1, first + STEP_FRAMES * hop, hop):
        gradient = torch.autograd.grad(y[0, place], audio, retain_graph=True)[0][0]
        furthest = max(furthest, int(gradient.nonzero().max()) - place)
    return {
        "window": 1000.0 * window,
        "grouping": 1000.0 * grouping,
        "total": 1000.0 * (window + grouping),
        "measured": 1000.0 * (furthest + 1) / SAMPLE_RATE,
    }


def receptive_field_ms(model: TfCodec) -> float:
    """Past steps with a gradient to a step's prediction, times 40 ms."""
    steps = 24
    generator = torch.Generator().manual_seed(0)
    context = torch.randn(1, steps, STEP_FRAMES * model.latent, generator=generator).requires_grad_(True)
    predicted = model.predictor(context)[0, steps - 1].square().sum()
    gradient = torch.autograd.grad(predicted, context)[0][0]
    return float((gradient.abs().amax(1) > 0).sum()) * STEP_FRAMES * model.hop_length / SAMPLE_RATE * 1000.0


def discriminator(settings: Settings) -> dict[str, float]:
    """Channels of its layers, stride, pooled frames, power and parameters."""
    module = ComplexDiscriminator(settings.discriminator_filters, settings.spectrum.power)
    convs = [conv for conv in module.convs if isinstance(conv, nn.Conv2d)]
    strides = {step for conv in convs for step in conv.stride}
    return {f"layer{place}": conv.out_channels for place, conv in enumerate(convs, 1)} | {
        "stride": strides.pop() if len(strides) == 1 else math.nan,
        "pool": POOLED,
        "power": module.power,
        "parameters": count_parameters(module),
    }


def complexity_of(settings: Settings, row: TfRow) -> dict[str, Any]:
    """All facts of one size, from untrained modules of a row with a predictor."""
    torch.manual_seed(0)
    model = TfCodec(settings, row).eval().requires_grad_(False)
    return {
        "parameters": parameters(model),
        "macs_per_second": macs_per_second(model),
        "receptive_field_ms": receptive_field_ms(model),
        "discriminator": discriminator(settings),
        "delay_ms": delay_ms(model),
    }


def complexity(params: Params) -> dict[str, Any]:
    """The codec with the convolutional predictor: at 3 kbps and the paper's size (`paper`), and the first such run that
    there is, at its own (`here`).
    """
    paper = TfRow(after="", steps=1, kbps=3.0, groups=16, codewords=1024, predictor="conv")
    rows = [row for row in params.runs.rows().values() if isinstance(row, TfRow) and row.predictor == "conv"]
    return {
        "paper": complexity_of(paper_settings(), paper),
        "here": complexity_of(params.systems.tfcodec, (rows or [paper])[0]),
    }


def evaluate_complexity(params: Params) -> None:
    """Count and measure the untrained modules and write results/complexity/complexity.json."""
    seed_everything(params.seed)
    with atomic_path(RESULTS / "complexity", directory=True) as folder:
        write_json(folder / "complexity.json", complexity(params))
