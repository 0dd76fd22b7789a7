"""Encoder, codebook, decoder with SI net and conditioning net, and latent prior (Fig. 2), as instantiated, with the
shapes that flow through them; and who sees what, asked of the modules themselves."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from thinwire.claims import Verdict
from thinwire.figures.diagram import ROLE_COLOUR, _arrow, _box, _canvas, thousands
from thinwire.figures.neural_dsc.models import load_net, load_prior
from thinwire.figures.neural_dsc.runs import run_name
from thinwire.figures.neural_dsc.verdicts import judge_picture, untestable
from thinwire.figures.paths import Page
from thinwire.figures.style import caption
from thinwire.systems.neural_dsc.conv import ConvDecoder, ConvEncoder
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior

COLUMN = 1.62
"""Between boxes of a row."""
WIDTH, TALL = 1.38, 1.15
COLOUR = {
    "encoder": ROLE_COLOUR["encoder"],
    "codebook": ROLE_COLOUR["channel"],
    "prior": ROLE_COLOUR["perceptual"],
    "decoder": ROLE_COLOUR["decoder"],
    "side information": ROLE_COLOUR["task"],
}


@dataclass(frozen=True)
class Step:
    """One box: what comes out of it (without the batch), and the parameters that training finds."""

    part: str
    name: str
    shape: str
    parameters: int = 0


@dataclass(frozen=True)
class Architecture:
    """All steps of a trained codec of maps and its prior, in order within each part, and the checks that claim
    `ndsc.fig2_arch` names, with what was found: how much decoded values move with y, and gradients.
    """

    run: str
    steps: list[Step]
    checks: dict[str, bool]
    measured: dict[str, float]

    def of(self, part: str) -> list[Step]:
        """The boxes of a part."""
        return [step for step in self.steps if step.part == part]


def describe(page: Page, run: str, prior: str) -> Architecture:
    """Take a trained codec and its prior apart, by letting an item of noise go through them."""
    net, after = load_net(page, run), load_prior(page, prior)
    generator = torch.Generator().manual_seed(page.params.seed)
    x, y, other = (net.mean + net.std * 0.3 * torch.randn(1, *net.shape, generator=generator) for _ in range(3))
    checks, measured = checks_of(net, after, x, y, other)
    return Architecture(run, steps_of(net, after, x, y), checks, measured)


@torch.no_grad()
def steps_of(net: NeuralDsc, prior: LatentPrior, x: Tensor, y: Tensor) -> list[Step]:
    """The boxes, from hooks on the modules while an item goes through."""
    assert isinstance(net.encoder, ConvEncoder)
    assert isinstance(net.decoder, ConvDecoder)
    encoder, decoder = net.encoder, net.decoder
    named: dict[nn.Module, tuple[str, str]] = {encoder.source: ("encoder", "convolution of x")}
    if encoder.side is not None:
        named[encoder.side] = ("encoder", "convolution of y")
    named[encoder.levels] = ("encoder", "levels: residual stacks, stride 2")
    named[encoder.code] = ("encoder", "1x1 to codes")
    named |= {decoder.first: ("decoder", "1x1 of codewords")}
    if decoder.condition is not None:
        first, stack, levels = decoder.condition.children()
        titles = ("SI net: convolution of y", "residual stack", "conditioning net, stride 2")
        named |= {part: ("side information", title) for part, title in zip((first, stack, levels), titles, strict=True)}
    named |= {decoder.join: ("decoder", "joined, 1x1"), decoder.levels: ("decoder", "levels: transposed, residual"),
              decoder.last: ("decoder", "convolution")}  # fmt: skip
    named |= {prior.embedding: ("prior", "embeddings, positions"), prior.logits: ("prior", "probabilities")}
    shapes: dict[nn.Module, str] = {}

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        shapes[module] = _size(output)

    handles = [module.register_forward_hook(note) for module in named]
    try:
        indices = net.encode(x, y)
        net.decode(indices, y)
        prior(indices.flatten(1))
    finally:
        for handle in handles:
            handle.remove()
    found = [Step(part, name, shapes[module], _count(module)) for module, (part, name) in named.items()]
    codebook = Step("codebook", f"nearest of {net.codewords}", _size(indices), net.quantiser.codebook.numel())
    blocks = Step(
        "prior", f"{len(prior.blocks)} causal blocks", found[-2].shape, _count(prior.blocks) + _count(prior.norm)
    )
    return [*found[:-1], blocks, found[-1], codebook]


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())  # of frozen modules too


def _size(values: Tensor) -> str:
    return " x ".join(str(size) for size in values.shape[1:])


def checks_of(
    net: NeuralDsc, prior: LatentPrior, x: Tensor, y: Tensor, other: Tensor
) -> tuple[dict[str, bool], dict[str, float]]:
    """Whether each module sees what Fig. 2 lets it see."""
    side = y.clone().requires_grad_(True)
    latents: list[Tensor] = []
    handle = net.encoder.register_forward_hook(lambda module, inputs, output: latents.append(output))
    network = [*net.encoder.parameters()]
    for weight in network:  # frozen weights would leave no graph at all, whatever the encoder sees
        weight.requires_grad_(True)
    try:
        net(x, side)
        to_y, to_weights = torch.autograd.grad(latents[0].sum(), [side, network[0]], allow_unused=True)
    finally:
        handle.remove()
        for weight in network:
            weight.requires_grad_(False)
    with torch.no_grad():
        indices = net.encode(x, y)
        moved = float((net.decode(indices, y) - net.decode(indices, other)).abs().max())
    reached = 0.0 if to_y is None else float(to_y.abs().max())
    taken = [name for name in inspect.signature(prior.forward).parameters if name != "generator"]
    embeds = prior.embedding.num_embeddings == net.codewords + 1
    checks = {
        "encoder": reached == 0.0 and to_weights is not None and float(to_weights.abs().max()) > 0.0,
        "decoder": moved > 0.0,
        "prior": taken == ["indices"] and embeds,
    }
    return checks, {"gradient_of_latents_in_y": reached, "output_moved_by_y": moved}


def table(found: Architecture) -> pd.DataFrame:
    """Every box as a row."""
    return pd.DataFrame([vars(step) for step in found.steps]).rename(columns={"name": "step", "shape": "gives"})


def draw(page: Page, found: Architecture, note: str) -> Figure:
    """Fig. 2: encoder and codes above with the prior, the decoder below, and the nets that read y under it."""
    rows = {"encoder": 4.6, "decoder": 2.3, "side information": 0.2}
    fig, axes = plt.subplots(figsize=(12.4, 5.6))
    _canvas(axes, 7.5 * COLUMN, 6.2)
    encoder, codebook, prior = found.of("encoder"), found.of("codebook"), found.of("prior")
    chain = [*encoder, *codebook, *prior]
    _row(axes, chain, rows["encoder"], 0.0, "x")
    axes.text(COLUMN * 0.55, rows["encoder"] + TALL + 0.1, "encoder: sees x alone", fontweight="bold")
    axes.text(COLUMN * (0.55 + len(encoder)), rows["encoder"] + TALL + 0.1, "codes z", fontweight="bold")
    axes.text(COLUMN * (1.55 + len(encoder)), rows["encoder"] + TALL + 0.1, "prior: sees indices alone",
              fontweight="bold")  # fmt: skip
    place = COLUMN * (0.55 + len(chain) - 1) + WIDTH / 2
    axes.plot([place, place, 0.22, 0.22], [rows["encoder"] - 0.03, 3.98, 3.98, rows["decoder"] + TALL + 0.1],
              color="#444444", linewidth=0.9)  # fmt: skip
    _arrow(axes, (0.22, rows["decoder"] + TALL + 0.12), (0.22, rows["decoder"] + TALL - 0.3))
    said = "range coder, bytes, the same prior, range decoder"
    axes.text(place / 2, 4.03, said, ha="center", va="bottom", fontsize=8)
    decoder, side = found.of("decoder"), found.of("side information")
    _row(axes, decoder, rows["decoder"], 0.0, "z")
    axes.text(COLUMN * 0.55, rows["decoder"] + TALL + 0.1, "decoder", fontweight="bold")
    end = COLUMN * (0.55 + len(decoder))
    axes.text(end + 0.05, rows["decoder"] + TALL / 2, r"$\hat{x}$", va="center", fontsize=12)
    if side:
        _row(axes, side, rows["side information"], 0.0, "y")
        axes.text(COLUMN * 0.55, rows["side information"] + TALL + 0.1, "what the decoder knows", fontweight="bold")
        right = COLUMN * (0.55 + len(side)) - (COLUMN - WIDTH)
        join = COLUMN * 1.55 + WIDTH / 2
        axes.plot([right, right + 0.25, right + 0.25, join], [rows["side information"] + TALL / 2] * 2 + [1.85, 1.85],
                  color="#444444", linewidth=0.9)  # fmt: skip
        _arrow(axes, (join, 1.84), (join, rows["decoder"] - 0.03))
    caption(
        fig,
        f"{run_name(page, found.run)}, drawn from the trained modules. Shapes of an item: channels, rows, columns "
        f"(prior: positions, numbers); below them parameters. {note}",
    )
    return fig


def _row(axes: Axes, steps: list[Step], y: float, start: float, first: str) -> None:
    axes.text(start + 0.22, y + TALL / 2, first, ha="center", va="center", fontsize=10, fontweight="bold")
    for place, step in enumerate(steps):
        x = start + COLUMN * (0.55 + place)
        size = f"\n({thousands(step.parameters)})" if step.parameters >= 1000 else ""
        words = step.name.replace(", ", ",\n").replace(": ", ":\n")
        _box(axes, x, y, WIDTH, TALL, f"{words}\n{step.shape}{size}", COLOUR[step.part], 7.2)
        _arrow(axes, (x - (COLUMN - WIDTH) + 0.03 if place else x - 0.4, y + TALL / 2), (x - 0.03, y + TALL / 2))


def judge(page: Page, found: Architecture) -> list[Verdict]:
    """Fig. 2, and the paper's structure, most of which is not on the supplied page."""
    evidence = [page.evidence("figures", "architecture"), page.evidence("tables", "architecture")]
    told = f"{found.run}: {sum(step.parameters for step in found.steps)} parameters in the boxes"
    return [
        judge_picture(page, "ndsc.fig2_arch", found.checks, found.measured, evidence, told),
        untestable(page, "ndsc.paper_structure", evidence),
    ]
