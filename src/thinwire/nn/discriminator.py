"""Multi-scale STFT discriminator (realism at the decoder's output) and its losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torchaudio.transforms import Spectrogram

from thinwire.errors import ParamError

ENCODEC_SCALES = ((1024, 256), (2048, 512), (512, 128))
"""(n_fft, hop_length) of EnCodec's code."""


@dataclass  # not frozen: Fabric hooks into the tensors of a wrapped module's output
class Judgement:
    """What a discriminator says: for each scale a logit map (B, 1, frames, bins') and five feature maps."""

    logits: tuple[Tensor, ...]
    features: tuple[tuple[Tensor, ...], ...]


class ConvStack(nn.Module):
    """One scale's convolutions over maps (B, in_channels, frames, bins) (paper 000, Eq. 18-21; method facts 1.7).

    A 3 x 9 convolution, three of them with stride 2 in frequency and dilation 1, 2, 4 in time, a 3 x 3 one, each with
    leaky ReLU 0.2, then a 3 x 3 one to the logit map; weight norm from the second on. 94,337 weights and biases for 2
    channels and 32 filters, and 129 gains of the weight norm.
    """

    def __init__(self, in_channels: int, filters: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, filters, (3, 9), padding=(1, 4))]
        for dilation in (1, 2, 4):
            conv = nn.Conv2d(filters, filters, (3, 9), stride=(1, 2), dilation=(dilation, 1), padding=(dilation, 4))
            layers.append(weight_norm(conv))
        layers.append(weight_norm(nn.Conv2d(filters, filters, 3, padding=1)))
        self.layers = nn.ModuleList(layers)
        self.post = weight_norm(nn.Conv2d(filters, 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.post(x), tuple(features)


class StftDiscriminator(nn.Module):
    """MS-STFT discriminator of waveforms (B, 1, N) (Défossez et al. 2022; paper 000, section 4.3; method facts 1.7).

    Each scale (n_fft, hop_length) sees real and imaginary part of an STFT with a Hann window of unit energy and no
    padding. The text speaks of a scalar logit; the cited model's logit map is the reading adopted. Raises ParamError
    for a waveform of another shape or shorter than the longest window.
    """

    def __init__(self, scales: Sequence[tuple[int, int]] = ENCODEC_SCALES, filters: int = 32) -> None:
        super().__init__()
        if not scales or filters < 1:
            raise ParamError(f"discriminator: {len(scales)} scales of {filters} filters; need at least one of each")
        self.stacks = nn.ModuleList(ConvStack(2, filters) for _ in scales)
        self.longest = max(n_fft for n_fft, _ in scales)
        self.spectra = nn.ModuleList(
            Spectrogram(n_fft, hop_length=hop_length, power=None, normalized=True, center=False)
            for n_fft, hop_length in scales
        )

    def views(self, x: Tensor) -> list[Tensor]:
        """The waveform as each scale sees it, (B, 2, frames, bins)."""
        if x.dim() != 3 or x.shape[1] != 1 or x.shape[2] < self.longest:
            raise ParamError(f"discriminator: waveform {tuple(x.shape)}; need (B, 1, N) with N at least {self.longest}")
        return [torch.view_as_real(spectrum(x[:, 0])).permute(0, 3, 2, 1) for spectrum in self.spectra]

    @staticmethod
    def discriminator_loss(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
        """Hinge loss, mean over scales (paper 000, Eq. 22 read as EnCodec's; method facts 1.7)."""
        pairs = zip(real_logits, fake_logits, strict=True)
        return _mean([functional.relu(1.0 - real).mean() + functional.relu(1.0 + fake).mean() for real, fake in pairs])

    def forward(self, x: Tensor) -> Judgement:
        judged = [stack(view) for stack, view in zip(self.stacks, self.views(x), strict=True)]
        return Judgement(tuple(logits for logits, _ in judged), tuple(features for _, features in judged))


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(0)


def logit_gap(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """Mean |D(x) - D(x_hat)| of each item over the logit maps and scales, (B,).

    The prose beside Eq. 22 of paper 000 minimises this "difference of logits"; method facts 1.2.
    """
    pairs = zip(real_logits, fake_logits, strict=True)
    return _mean([(real - fake).abs().flatten(1).mean(1) for real, fake in pairs])
