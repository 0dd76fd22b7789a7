"""A tiny enhancer and pairs of clean and noisy speech-like waveforms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from thinwire.params.aucom_enhancer import EnhancerShape, EnhancerSpectrum, MetricJudge, Settings

TINY = Settings(
    spectrum=EnhancerSpectrum(n_fft=128, hop_length=64),
    shape=EnhancerShape(channels=4, dense_layers=2, heads=2, random_features=4, redraw_every=3),
    discriminator=MetricJudge(filters=(2, 2, 4, 4)),
    crop_s=0.5,
)


@pytest.fixture(scope="session")
def tiny() -> Settings:
    """Sizes with which a step takes milliseconds."""
    return TINY


@pytest.fixture(scope="session")
def pairs() -> dict[str, Tensor]:
    """`clean` and `noisy` (4, 12000): gliding harmonics with pauses, which PESQ takes for speech, and white noise."""
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(12_000) / 16_000
    pitch = 120 + 100 * torch.rand(4, 1, generator=generator)
    phase = 2 * torch.pi * pitch * (time + 0.3 * time.square())
    tone = torch.stack([torch.sin(k * phase) / k for k in range(1, 12)]).sum(0)
    clean = 0.1 * tone * (torch.sin(2 * torch.pi * 3 * time + pitch) > -0.3)
    return {"clean": clean, "noisy": clean + 0.03 * torch.randn(clean.shape, generator=generator)}
