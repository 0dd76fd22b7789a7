"""Discriminator on the power-compressed complex spectrum, with least-squares losses (TF-Codec, section III-F)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.errors import ParamError
from thinwire.nn.discriminator import Judgement
from thinwire.signal.causal_stft import compress

WINDOW = 320
HOP_LENGTH = 160
POOLED = 10


class ComplexDiscriminator(nn.Module):
    """Judges waveforms (B, 1, N): one scale of logits (B, 1, T_d) and four feature maps (section III-F; facts 2.2).

    STFT with a 20 ms Hann window and 10 ms hop at 16 kHz, magnitudes to the power `power`, phase kept; four
    convolutions, time 3 by frequency 2 (facts 2.4.10) with stride 2, each with affine instance norm and leaky ReLU 0.1;
    all frequencies folded into one logit a frame; means of ten frames, a rest of fewer too. Raises ParamError for a
    waveform of another shape or shorter than the four halvings of time need.
    """

    def __init__(self, filters: Sequence[int] = (8, 8, 16, 16), power: float = 0.3) -> None:
        super().__init__()
        self.power = power
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        convs, norms = [], []
        channels, bins = 2, WINDOW // 2 + 1
        for width in filters:
            convs.append(nn.Conv2d(channels, width, (3, 2), stride=2, padding=(1, 0)))
            norms.append(nn.InstanceNorm2d(width, affine=True))
            channels, bins = width, bins // 2
        self.convs, self.norms = nn.ModuleList(convs), nn.ModuleList(norms)
        self.fold = nn.Conv1d(channels * bins, 1, 1)
        # instance norm needs two values, so two of the last layer's frames where one bin is left
        self.shortest = WINDOW + HOP_LENGTH * 2 ** len(filters)

    def spectrum(self, x: Tensor) -> Tensor:
        """Compressed spectrum (B, 2, T, F) of waveforms (B, 1, N)."""
        if x.dim() != 3 or x.shape[1] != 1 or x.shape[2] < self.shortest:
            raise ParamError(f"discriminator: waveform {tuple(x.shape)}; need (B, 1, N) with N >= {self.shortest}")
        window = self.window
        assert isinstance(window, Tensor)
        X = torch.stft(x[:, 0], WINDOW, HOP_LENGTH, window=window, center=False, return_complex=True)
        return compress(torch.view_as_real(X).permute(0, 3, 2, 1), self.power)

    def forward(self, x: Tensor) -> Judgement:
        x = self.spectrum(x)
        features = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = functional.leaky_relu(norm(conv(x)), 0.1)
            features.append(x)
        logits = self.fold(x.transpose(1, 2).flatten(2).transpose(1, 2))
        pooled = functional.avg_pool1d(logits, POOLED, ceil_mode=True, count_include_pad=False)
        return Judgement((pooled,), (tuple(features),))

    def discriminator_loss(self, real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
        """The loss that trains the discriminator: `lsgan_discriminator`."""
        return lsgan_discriminator(real_logits, fake_logits)


def lsgan_discriminator(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """E (D(x) - 1)^2 + E D(x_hat)^2, mean over scales (Eq. 10)."""
    pairs = zip(real_logits, fake_logits, strict=True)
    return torch.stack([(real - 1.0).square().mean() + fake.square().mean() for real, fake in pairs]).mean()


def lsgan_generator(fake_logits: Sequence[Tensor]) -> Tensor:
    """E (D(x_hat) - 1)^2, mean over scales (Eq. 9)."""
    return torch.stack([(fake - 1.0).square().mean() for fake in fake_logits]).mean()


def feature_distance(real_features: Sequence[Sequence[Tensor]], fake_features: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of features, mean over layers and scales (Eq. 11); the real ones are targets only."""
    terms = [
        (fake - real.detach()).abs().mean()
        for reals, fakes in zip(real_features, fake_features, strict=True)
        for real, fake in zip(reals, fakes, strict=True)
    ]
    return torch.stack(terms).mean()
