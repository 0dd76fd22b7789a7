"""The named losses of section III-G and IV-E on waveforms, latents and codeword shares, weighted elsewhere."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.audio import SAMPLE_RATE
from thinwire.nn.group_quantiser import entropy_bits, hard_shares
from thinwire.signal.causal_stft import FLOOR, compress, hann
from thinwire.signal.features import mel_filterbank

BIN_WINDOW = 640
"""Window of the spectral loss: 40 ms, half overlapping (facts 2.2)."""
MEL_WINDOWS = (128, 256, 512, 1024, 2048)
"""Windows of the mel loss, hops of a quarter; 64 mels do not fit into 64 samples, with which the paper begins."""
MELS = 64
MEL_RANGE = (20.0, 8_000.0)
MEL_FLOOR = 1e-5
"""Mel magnitude, of a full scale of 1, below which the logarithm no longer falls: -100 dB."""
RATE_VECTORS = 2_000
"""Vectors of each group that an entropy is estimated from; the paper's minibatch of 100 clips of 3 s has 7,500."""
_LEAST_SHARE = 1e-8
_DEAD = 0.01


def _spectra(x: Tensor, window: int, hop_length: int) -> Tensor:
    """Complex spectra (B, T, F) of whole Hann windows of x (B, N), the window a multiple of the hop."""
    return torch.fft.rfft(x.unfold(-1, window, hop_length) * hann(window, x.device, x.dtype))


def _spectra_adjoint(gradient: Tensor, window: int, hop_length: int, samples: int) -> Tensor:
    """Gradient (B, N) of x for that of its spectra (B, T, F)."""
    batch, frames, bins = gradient.shape
    scale = torch.full((bins,), 0.5 * window, device=gradient.device, dtype=gradient.real.dtype)
    scale[0] = scale[-1] = window
    segments = torch.fft.irfft(gradient * scale, window).mul_(hann(window, gradient.device, scale.dtype))
    parts = segments.reshape(batch, frames, -1, hop_length)
    x = segments.new_zeros(batch, frames + parts.shape[2] - 1, hop_length)
    for part in range(parts.shape[2]):
        x[:, part : part + frames] += parts[:, :, part]
    return functional.pad(x.flatten(1), (0, samples - x[0].numel()))


class _Spectra(torch.autograd.Function):
    """`_spectra` of x (B, N); autograd's backward of `unfold` and `rfft` takes three times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, hop_length: int) -> Tensor:
        ctx.sizes = window, hop_length, x.shape[-1]
        return _spectra(x, window, hop_length)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _spectra_adjoint(gradients[0], *ctx.sizes), None, None


class _Energies(torch.autograd.Function):
    """|X|^2 (B, T, F) of `_spectra` of x (B, N), for the same reason."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, hop_length: int) -> Tensor:
        ctx.sizes = window, hop_length, x.shape[-1]
        X = _spectra(x, window, hop_length)
        ctx.save_for_backward(X)
        return torch.addcmul(X.real.square(), X.imag, X.imag)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (X,) = ctx.saved_tensors
        return _spectra_adjoint(X * (2.0 * gradients[0]), *ctx.sizes), None, None


def spectral_loss(real: Tensor, fake: Tensor, power: float) -> Tensor:
    """L_bin of waveforms (B, N): MSE of magnitudes and of complex values of spectra compressed by `power`, half each.

    Taken from waveforms, so that the spectrum is a consistent one (section III-G; facts 2.2). The complex error of a
    bin is |X - X_hat|^2, the sum over real and imaginary part.
    """
    with torch.no_grad():
        target, target_magnitude = _compressed(real, power)
    output, magnitude = _compressed(fake, power)
    complex_error = (output - target).square().sum(1).mean()
    return 0.5 * complex_error + 0.5 * (magnitude - target_magnitude).square().mean()


def _compressed(x: Tensor, power: float) -> tuple[Tensor, Tensor]:
    """Compressed spectrum (B, 2, T, F) and its magnitude (B, T, F)."""
    pairs = torch.view_as_real(_Spectra.apply(x, BIN_WINDOW, BIN_WINDOW // 2)).movedim(-1, 1)
    return compress(pairs, power), pairs.square().sum(1).clamp(min=FLOOR) ** (0.5 * power)


@lru_cache(maxsize=16)
def _mel_bank(window: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(F, 64): weighted means of a spectrum's magnitudes, scaled to 1 for a full-scale sine in one bin only."""
    with torch.inference_mode(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of 65 bins, some lie in no mel filter and some filters hold no bin
        bank = mel_filterbank(window, MELS, SAMPLE_RATE, *MEL_RANGE).T * (SAMPLE_RATE / window)
        return (bank * (4.0 / window)).contiguous().to(device, dtype)


def log_mel(x: Tensor, window: int) -> Tensor:
    """log10 of mel magnitudes (B, T, 64) of x (B, N), windows of `window` samples and hops of a quarter."""
    energy = _Energies.apply(x, window, window // 4)
    return ((energy + FLOOR).sqrt() @ _mel_bank(window, x.device, x.dtype)).clamp(min=MEL_FLOOR).log10()


def mel_loss(real: Tensor, fake: Tensor, windows: Sequence[int] = MEL_WINDOWS) -> Tensor:
    """L_mel of waveforms (B, N): mean absolute error of log-mel spectra, mean over windows (Eq. 14; facts 2.4.11).

    The paper names no compression of the mel spectrum; reading: its logarithm to the base 10.
    """
    with torch.no_grad():
        targets = [log_mel(real, window) for window in windows]
    terms = [functional.l1_loss(log_mel(fake, window), target) for window, target in zip(windows, targets, strict=True)]
    return torch.stack(terms).mean()


def prediction_loss(x_P: Tensor, x_R: Tensor) -> Tensor:
    """L_pred (Eq. 3), and L_error-aware (Eq. 15) for a prediction from features with losses: mean squared error, no
    gradient to x_R.
    """
    return functional.mse_loss(x_P, x_R.detach())


def diversity_loss(shares: Tensor) -> Tensor:
    """1 - H / log2 K of soft shares (G, K), mean over groups: 0 when all codewords are used alike (section III-E).

    Baevski et al. 2020, Eq. 4, brought to [0, 1].
    """
    return 1.0 - entropy_bits(shares).mean() / math.log2(shares.shape[1])


class RunningShares(nn.Module):
    """Codeword shares over the last RATE_VECTORS vectors or so, soft and hard, (G, K) each; buffers, not weights.

    Eq. 6 averages over a minibatch, in the paper 7,500 vectors. Of a few hundred, an entropy cannot be estimated (it is
    at most log2 of their number), so averages decay over RATE_VECTORS of the last batches, and only the gradient is the
    present batch's (reading). A longer memory lets codewords wander: the entropy over time grows, that of each moment
    does not.
    """

    soft: Tensor
    hard: Tensor
    vectors: Tensor

    def __init__(self, groups: int, codewords: int) -> None:
        super().__init__()
        for name in ("soft", "hard"):
            self.register_buffer(name, torch.full((groups, codewords), 1.0 / codewords))
        self.register_buffer("vectors", torch.zeros(()))

    @torch.no_grad()
    def update(self, shares: Tensor, indices: Tensor) -> None:
        """Take in a batch's soft shares (G, K) and indices (B, G, S)."""
        new = indices.shape[0] * indices.shape[2]
        self.vectors.add_(new).clamp_(max=max(RATE_VECTORS, new))
        self.soft.lerp_(shares, new / self.vectors)
        self.hard.lerp_(hard_shares(indices, shares.shape[1]), new / self.vectors)

    def entropy(self, shares: Tensor) -> Tensor:
        """H of Eq. 7 (G,) in bits: the running soft entropy, with the gradient that the batch's shares (G, K) have to
        it.
        """
        price = -self.soft.clamp_min(_LEAST_SHARE).log2()
        bits = (shares * price).sum(1)
        return bits - bits.detach() + entropy_bits(self.soft)

    def cost(self, shares: Tensor) -> Tensor:
        """(G,) bits a codeword with shares (G, K) that are coded for the running soft ones: of held-out material."""
        return -(shares * self.soft.clamp_min(_LEAST_SHARE).log2()).sum(1)

    def hard_cost(self, indices: Tensor) -> Tensor:
        """(G,) bits a codeword of `indices` (B, G, S) under the running hard shares, smoothed as by one use each."""
        codewords = self.hard.shape[1]
        counts = self.hard * self.vectors + 1.0
        price = -(counts / (self.vectors + codewords)).log2()
        return (hard_shares(indices, codewords) * price).sum(1)

    @property
    def dead(self) -> Tensor:
        """Share of codewords used less than a hundredth as often as the mean of their group."""
        return (self.hard < _DEAD / self.hard.shape[1]).float().mean()


def rate_loss(bits: Tensor, target: float) -> Tensor:
    """|R_target - H|, H the bits of all groups (G,) together (Eq. 7 and 8), in bits per 40 ms (facts 2.4.7)."""
    return (target - bits.sum()).abs()
