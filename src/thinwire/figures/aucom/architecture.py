"""The modules that `params.yaml` instantiates, step by step, with their shapes and parameters: what Fig. 1, 3 to 8 and
10 show, and whether it is as they show it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from thinwire.audio import SAMPLE_RATE
from thinwire.coding.coders import CODERS
from thinwire.figures.paths import Page
from thinwire.kaldi import fbank
from thinwire.nn.gdn import Gdn
from thinwire.nn.trainable import count_parameters
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import VARIANTS
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom_enhancer.blocks import LearnableSigmoid, TimeFrequencyPerformer, Upsample, WtDenseBlock
from thinwire.systems.aucom_enhancer.discriminator import MetricDiscriminator
from thinwire.systems.aucom_enhancer.model import AuComSenNet
from thinwire.systems.aucom_enhancer.spectrum import analyse
from thinwire.systems.aucom_enhancer.wtconv import WaveletConv

Side = Literal["edge", "server", "training"]
MELS = (80, 128)
LAYER_NAME: dict[type[nn.Module], str] = {
    nn.LSTM: "bidirectional LSTM",
    nn.Conv2d: "convolution",
    nn.ConvTranspose2d: "transposed convolution",
    nn.Linear: "linear",
    nn.PReLU: "PReLU",
    Upsample: "upsampling over bins",
    WtDenseBlock: "dense wavelet block",
    TimeFrequencyPerformer: "Performers along time and frequency",
    LearnableSigmoid: "learnable sigmoid",
}


@dataclass(frozen=True)
class Step:
    """One box: what comes out of it (without the batch), and the parameters that training finds."""

    name: str
    side: Side
    shape: str
    parameters: int = 0
    attention: bool = False


@dataclass(frozen=True)
class Architecture:
    """All steps of a codec run from samples to the server's tasks, those of the enhancer and of its discriminator by
    branch, and the checks that claim `aucom.fig1_3_4_10` names.
    """

    path: list[Step]
    branches: dict[str, list[Step]]
    checks: dict[str, bool]


def describe(page: Page, run: str) -> Architecture:
    """Build a codec run, the enhancer and its discriminator untrained, and let zeros go through them."""
    net = AuComNet(page.params.systems.aucom_codec, page.params.run(run)).eval()
    settings = page.params.systems.aucom_enhancer
    enhancer = AuComSenNet(settings).eval()
    critic = MetricDiscriminator(settings.discriminator, settings.spectrum).eval()
    path, branches = path_of(net, count_parameters(enhancer)), branches_of(enhancer, critic)
    return Architecture(path, branches, checks_of(net, enhancer, critic, path))


@torch.no_grad()
def path_of(net: AuComNet, enhancer: int) -> list[Step]:
    """From samples to answers, in order, with the size of the enhancer."""
    latent, samples = f"{net.rows} x {net.columns}", f"{net.chunk_frames * SAMPLE_RATE // 100}"
    x = torch.zeros(1, net.n_mels, net.chunk_frames)
    up = layers(dict(net.encoder.named_children()), lambda: net.encoder(x), "edge")
    down = layers(dict(net.decoder.named_children()), lambda: net.decoder(net.encoder(x)), "server")
    return [
        Step("RMS gate", "edge", samples),
        Step("enhancer, if noisy", "edge", samples, enhancer, attention=True),
        Step("mel filter bank", "edge", f"{net.n_mels} x {net.chunk_frames}"),
        *up,
        Step("less mu, divided by sigma", "edge", latent),
        Step("divided by tau, rounded", "edge", latent),
        Step("entropy coder, a table a row", "edge", "bytes"),
        Step("entropy decoder", "server", latent),
        Step("times tau and sigma, plus mu", "server", latent),
        *down,
        Step("tasks: words, emotion, commands, sounds", "server", "answers"),
        Step("factorised prior, of r~ with noise", "training", latent, count_parameters(net.prior)),
    ]


@torch.no_grad()
def branches_of(enhancer: AuComSenNet, critic: MetricDiscriminator) -> dict[str, list[Step]]:
    """Encoder, mask decoder and phase decoder of the enhancer, and the discriminator, for a second of audio."""
    audio = 0.1 * torch.ones(1, SAMPLE_RATE)
    pairs = torch.stack([audio, audio], 1)
    mask, phase = enhancer.mask_decoder, enhancer.phase_decoder
    parts: dict[str, dict[str, nn.Module]] = {
        "encoder": dict(enhancer.encoder.named_children()),
        "mask decoder": {**dict(mask.layers.named_children()), "sigmoid": mask.sigmoid},
        "phase decoder": {**dict(phase.layers.named_children()), "real": phase.real, "imaginary": phase.imaginary},
    }
    noisy = analyse(audio, enhancer.spectrum)
    found = {name: layers(own, lambda: enhancer(noisy), "edge") for name, own in parts.items()}
    *before, real, imaginary = found["phase decoder"]
    both = Step("two convolutions: real and imaginary", "edge", real.shape, real.parameters + imaginary.parameters)
    found["phase decoder"] = [*before, both, Step("arctangent", "edge", found["mask decoder"][-1].shape)]
    children = {**dict(critic.convs.named_children()), "hidden": critic.hidden, "act": critic.act, "out": critic.out,
                "sigmoid": critic.sigmoid}  # fmt: skip
    judged = layers(children, lambda: critic.score(pairs, torch.Generator()), "training")
    view = "x".join(str(size) for size in critic.view(pairs).shape[1:])
    found["metric discriminator"] = [Step("two magnitudes, compressed", "training", view.replace("x", " x ")), *judged]
    return found


def layers(parts: dict[str, nn.Module], run: Callable[[], object], side: Side) -> list[Step]:
    """Modules in the order in which they work, with what each gives in `run()`."""
    found: list[Step] = []
    names = {part: name for name, part in parts.items()}

    def note(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        value: Tensor = output[0] if isinstance(output, tuple) else output
        image = value.transpose(1, 2) if isinstance(part, nn.LSTM | nn.Linear) and value.ndim == 3 else value
        shape = " x ".join(str(size) for size in image.shape[1:])
        found.append(
            Step(_name(names[part], part), side, shape, count_parameters(part), _holds(part, TimeFrequencyPerformer))
        )

    handles = [part.register_forward_hook(note) for part in names]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return found


def _name(name: str, part: nn.Module) -> str:
    """What a box is called; convolutions with their stride."""
    if isinstance(part, Gdn):
        return "IGDN" if part.inverse else "GDN"
    if type(part) is nn.Sequential:  # named after what it begins with
        part = next(part.children())
    kind = next((what for kind, what in LAYER_NAME.items() if isinstance(part, kind)), name)
    steps = max(part.stride) if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) else 1
    return f"{kind}, stride {steps}" if steps > 1 else kind


def _holds(module: nn.Module, kind: type[nn.Module]) -> bool:
    return any(isinstance(part, kind) for part in module.modules())


@torch.no_grad()
def checks_of(
    net: AuComNet, enhancer: AuComSenNet, critic: MetricDiscriminator, path: Sequence[Step]
) -> dict[str, bool]:
    """What the figures show, asked of the modules themselves."""
    tables = torch.zeros(net.rows, net.columns)
    net.normalisation.attach(tables, tables + 1.0)
    symbols = net.symbols(torch.zeros(1, net.n_mels, net.chunk_frames))
    strided = all(max(conv.stride) == 2 for conv in (net.encoder.widen, net.encoder.narrow))
    performers = [part for part in enhancer.encoder.modules() if isinstance(part, TimeFrequencyPerformer)]
    pairs = 0.1 * torch.ones(3, 2, SAMPLE_RATE)
    phase = enhancer(analyse(pairs[:1, 0], enhancer.spectrum)).phase
    sides = {side: [step.name for step in path if step.side == side] for side in ("edge", "server")}
    wanted = {"edge": ("gate", "enhancer", "filter bank", "LSTM", "coder"), "server": ("decoder", "LSTM", "tasks")}
    return {
        "codec": net.encoder.lstm.bidirectional and strided and not net.encoder.gdn.inverse and net.decoder.igdn.inverse
        and symbols.dtype == torch.int32 and count_parameters(net.prior) > 0 and len(CODERS) > 0,
        "enhancer": _holds(enhancer.encoder.dense, WaveletConv) and len(performers) > 0
        and isinstance(enhancer.mask_decoder.sigmoid, LearnableSigmoid)
        and enhancer.mask_decoder.sigmoid.slope.requires_grad and float(phase.abs().max()) <= float(np.pi) + 1e-5,
        "discriminator": critic.view(pairs).shape[1] == 2 and critic.score(pairs, torch.Generator()).shape == (3,),
        "system": all(any(word in name for name in sides[side]) for side, words in wanted.items() for word in words),
    }  # fmt: skip


def path_table(found: Architecture) -> pd.DataFrame:
    """Every box as a row, with the totals of the codec's two sides."""
    rows = [("codec", step.side, step.name, step.shape, step.parameters, step.attention) for step in found.path]
    for side in ("edge", "server"):
        own = sum(step.parameters for step in found.path if step.side == side and not step.attention)
        rows.append(("codec", side, "total without enhancer", "", own, False))
    for branch, steps in found.branches.items():
        rows += [(branch, step.side, step.name, step.shape, step.parameters, step.attention) for step in steps]
    return pd.DataFrame(rows, columns=["part", "side", "step", "gives", "parameters", "attention"])


def feature_shapes(seconds: float = 5.0) -> dict[int, tuple[int, int]]:
    """(H, L) of features of `seconds` of audio for both numbers of mels."""
    audio = np.zeros((1, round(seconds * SAMPLE_RATE)), np.float32)
    return {mels: fbank(audio, mels).shape[1:] for mels in MELS}


def latent_shapes(page: Page) -> dict[str, tuple[int, ...]]:
    """(M, rows / M, T) of the latent of a whole chunk, by version."""
    settings = page.params.systems.aucom_codec
    f = torch.zeros(1, settings.n_mels, settings.chunk_frames)
    rows = {variant: AucomRow(after="", steps=1, variant=variant) for variant in VARIANTS}  # type: ignore[arg-type]
    with torch.no_grad():
        return {variant: tuple(AuComNet(settings, row).encode_latent(f).shape[1:]) for variant, row in rows.items()}
