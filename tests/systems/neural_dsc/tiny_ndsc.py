"""Tiny models of every domain, whose codebooks are latents of their own material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from thinwire.params.neural_dsc import NdscConv, NdscDense, NdscQuantiser, NdscRow, Settings
from thinwire.params.neural_dsc_prior import Settings as PriorSettings
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior

SHAPES: dict[str, tuple[int, ...]] = {
    "mel": (1, 16, 24), "stft": (2, 16, 16), "stereo": (3, 16, 24), "halves": (3, 8, 16),
    "gradients": (31,), "bits": (27,),
}  # fmt: skip
SETTINGS = Settings(
    conv=NdscConv(width=2, code_dim=3),
    dense=NdscDense(hidden=12, code_dim=2, gradient_latents=5, bits_latents=9),
    quantiser=NdscQuantiser(decay=0.9),
)
PRIOR = PriorSettings(dim=8, blocks=2, heads=2, dff=12)


@dataclass
class Items:
    """Items x, y (n, *shape) of a domain and their steps."""

    x: Tensor
    y: Tensor
    step: Tensor | None


def make_row(domain: str, **fields: Any) -> NdscRow:
    return NdscRow(data="-", after="-", steps=1, domain=domain, **({"bits": 3, "downsample": 4} | fields))  # type: ignore[arg-type]


def make_items(domain: str, count: int = 6, seed: int = 0) -> Items:
    """Items of which y is a noisy copy of x; maps are smooth."""
    draw = torch.Generator().manual_seed(seed)
    shape = (count, *SHAPES[domain])
    x, noise = (torch.randn(shape, generator=draw) for _ in range(2))
    if len(shape) == 4:
        x = functional.interpolate(x[..., ::8, ::8], size=shape[2:], mode="bilinear", align_corners=True)
    step = torch.rand(count, generator=draw) if domain == "gradients" else None
    if domain == "bits":
        return Items((x > 0).float(), ((x > 0) ^ (noise > 1.5)).float(), step)
    scale = {"stereo": 0.1, "halves": 0.1, "gradients": 0.01}.get(domain, 3.0)
    return Items(scale * x, scale * (x + 0.3 * noise), step)


def make_model(domain: str = "stereo", **fields: Any) -> NeuralDsc:
    """A model in eval mode with fitted statistics, every parameter away from 0, and a codebook in use."""
    torch.manual_seed(0)
    model = NeuralDsc(SETTINGS, make_row(domain, **fields), SHAPES[domain])
    items = make_items(domain, 40, 99)
    model.fit_statistics(items.x, items.y)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    model.train()(items.x, items.y, items.step, torch.Generator().manual_seed(0))
    return model.eval().requires_grad_(False)


def make_prior(positions: int, codewords: int) -> LatentPrior:
    """A prior far from uniform."""
    torch.manual_seed(1)
    prior = LatentPrior(PRIOR, positions, codewords)
    with torch.no_grad():
        for value in prior.parameters():
            value.add_(0.3 * torch.randn_like(value))
    return prior.eval().requires_grad_(False)
