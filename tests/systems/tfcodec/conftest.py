"""Tiny models whose statistics and codebooks fit their material, so that many codewords are in use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.systems.tfcodec.model import TfCodec

SHAPE = TfShape(channels=(2, 3, 3, 4, 4), tcm_hidden=6, tcm_dilations=[1, 2], latent=12, predictor_hidden=4)


def noise(samples: int, seed: int) -> np.ndarray:
    """(samples,) float32 of noise whose level changes."""
    draw = np.random.default_rng(seed)
    envelope = 0.02 + 0.1 * np.sin(np.arange(samples) / 1500.0 + draw.uniform(0, 6)) ** 2
    return (envelope * draw.standard_normal(samples)).astype(np.float32)


def build_lively(
    predictor: str = "none",
    quantiser: str = "distance_gumbel",
    power: str = "learnable",
    groups: int = 3,
    words: int = 16,
) -> TfCodec:
    """A model in eval mode, with every parameter away from where it starts."""
    torch.manual_seed(0)
    row = TfRow(
        after="-", steps=1, kbps=1.0, groups=groups, codewords=words,
        predictor=predictor, quantiser=quantiser, power=power,  # type: ignore[arg-type]
    )  # fmt: skip
    model = TfCodec(Settings(shape=SHAPE), row)
    audio = torch.from_numpy(np.stack([noise(16_000, 100 + i) for i in range(2)]))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "slope" in name:
                value.uniform_(-0.3, 1.2)
            elif "norm" in name or name.endswith("start"):
                value.add_(0.3 * torch.randn_like(value))
        for _ in range(20):
            x_R = model.train().encode_latent(audio)
            if model.predictive:
                model.loop(x_R, context=torch.randn(x_R.shape))
            model.decoder(x_R)
        for _ in range(3):  # the loop's latents depend on the codebooks
            vectors = model.quantiser.vectors(model.eval().loop(model.encode_latent(audio)).x_N)
            model.quantiser.set_codewords(vectors[:, torch.randperm(vectors.shape[1])[:words]])
    return model.requires_grad_(False)


@pytest.fixture(scope="session")
def make_lively() -> Callable[..., TfCodec]:
    """`make_lively(predictor, quantiser, power, groups, words)`."""
    return build_lively


@pytest.fixture(scope="session")
def make_noise() -> Callable[[int, int], np.ndarray]:
    """`make_noise(samples, seed)`."""
    return noise
