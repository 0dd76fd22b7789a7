"""Tiny models of the distributed coder, and material for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from thinwire.params.ndpca import NdpcaShape
from thinwire.params.spectrum import Spectrum
from thinwire.systems.ndpca.model import NdpcaModel

SPECTRUM = Spectrum(n_fft=256, hop_length=128, power=0.5)
SHAPE = NdpcaShape(latent=16, width=8, blocks=1, decoder_width=12, decoder_blocks=1, stride=4)


@pytest.fixture(scope="session")
def spectrum() -> Spectrum:
    """A short STFT."""
    return SPECTRUM


@pytest.fixture(scope="session")
def make_model() -> Callable[..., NdpcaModel]:
    """`make_model(arch="E4D1", mics=4, latent=16, representation="magnitude", samples=4000, seed=0)`."""

    def make(
        arch: str = "E4D1", mics: int = 4, latent: int = 16, representation: str = "magnitude", samples: int = 4000,
        seed: int = 0,
    ) -> NdpcaModel:  # fmt: skip
        torch.manual_seed(seed)
        return NdpcaModel(SHAPE, SPECTRUM, arch, representation, latent, mics, samples)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def sources() -> list[np.ndarray]:
    """Latents of 4 sources, 60 items of 5 numbers each, with spectra that interleave."""
    generator = np.random.default_rng(0)
    out = []
    for i in range(4):
        mixing = generator.standard_normal((5, 5)) * (4.0 / (1 + i)) * 0.6 ** np.arange(5)
        out.append(generator.standard_normal((60, 5)) @ mixing + i)
    return out
