"""The metric discriminator, which learns to predict PESQ, so that there is a gradient towards a better one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from thinwire.metrics.perceptual import pesq_wb
from thinwire.nn.discriminator import Judgement
from thinwire.params.aucom_enhancer import EnhancerSpectrum, MetricJudge
from thinwire.seeding import derive_seed
from thinwire.systems.aucom_enhancer.blocks import LearnableSigmoid
from thinwire.systems.aucom_enhancer.norm import NormAct
from thinwire.systems.aucom_enhancer.spectrum import compressed_stft


def scaled_pesq(tested: np.ndarray, reference: np.ndarray) -> float:
    """Q_pesq = (PESQ - 1) / 3.5 of `tested` against `reference` (N,), wide band; NaN where PESQ hears no speech."""
    return (float(pesq_wb(reference, tested)) - 1.0) / 3.5


def pesq_targets(pairs: Tensor, processes: int) -> Tensor:
    """What the discriminator should say of pairs (B, 2, N) of tested and reference waveforms: Q_pesq (B,) of each, 1
    for a reference beside itself, NaN where PESQ says nothing (Eq. 10).

    PESQ is a measure of the paper's [71] without gradient; its package holds Python's lock, so only `processes` help.
    """
    targets = torch.ones(len(pairs))
    tested = [i for i, pair in enumerate(pairs) if not torch.equal(pair[0], pair[1])]
    waveforms = pairs.detach().cpu().numpy()
    if processes == 1:
        scores = [scaled_pesq(*waveforms[i]) for i in tested]
    else:
        from joblib import Parallel, delayed  # only long trainings on other machines want it

        scores = Parallel(n_jobs=processes)(delayed(scaled_pesq)(*waveforms[i]) for i in tested)
    targets[tested] = torch.tensor(scores, dtype=torch.float32)
    return targets.to(pairs.device)


class MetricDiscriminator(nn.Module):
    """Predicts Q_pesq from compressed magnitudes of tested and reference waveform (section 4.2.1.5; facts 3.2).

    Four 4 x 4 convolutions of stride 2 with spectral norm, instance norm and PReLU; the largest value of each channel;
    two linear layers with spectral norm, dropout and PReLU between them; learnable sigmoid. Waveforms are re-analysed
    (facts 3.4.7).
    """

    updates: Tensor

    def __init__(self, settings: MetricJudge, spectrum: EnhancerSpectrum) -> None:
        super().__init__()
        self.settings, self.spectrum = settings, spectrum
        widths = (2, *settings.filters)
        self.convs = nn.Sequential(
            *(
                nn.Sequential(spectral_norm(nn.Conv2d(a, b, 4, 2, 1, bias=False)), NormAct(b))
                for a, b in zip(widths[:-1], widths[1:], strict=True)
            )
        )
        last = settings.filters[-1]
        self.hidden = spectral_norm(nn.Linear(last, last // 2))
        self.act = nn.PReLU(last // 2)
        self.out = spectral_norm(nn.Linear(last // 2, 1))
        self.sigmoid = LearnableSigmoid(1, 1.0)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def score(self, pairs: Tensor, generator: torch.Generator) -> Tensor:
        """Predicted Q_pesq (B,) of pairs (B, 2, N); while training, `generator` draws what is dropped."""
        x = self.hidden(self.convs(self.view(pairs)).amax((-2, -1)))
        if self.training and self.settings.dropout > 0.0:
            kept = torch.rand(x.shape, generator=generator) >= self.settings.dropout
            x = x * kept.to(x) / (1.0 - self.settings.dropout)
        return self.sigmoid(self.out(self.act(x))).squeeze(-1)

    def view(self, pairs: Tensor) -> Tensor:
        """Compressed magnitudes (B, 2, F, T) of pairs (B, 2, N)."""
        return compressed_stft(pairs, self.spectrum).abs()

    def forward(self, pairs: Tensor) -> Judgement:
        """The discriminator's own step: `logits` are the predictions (B,) and the targets (B,) of pairs (B, 2, N).

        What is dropped follows from the number of steps so far, `updates`, which the weights carry along.
        """
        generator = torch.Generator().manual_seed(derive_seed(0, "dropout", int(self.updates)))
        if self.training:
            self.updates += 1
        return Judgement((self.score(pairs, generator), pesq_targets(pairs, self.settings.pesq_processes)), ())

    @staticmethod
    def discriminator_loss(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
        """L_MD of Eq. 10 from predictions and targets of clean and of enhanced pairs, less those without PESQ."""
        return _squared_error(*real_logits) + _squared_error(*fake_logits)


def _squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    known = ~target.isnan()
    error = torch.where(known, predicted - target, torch.zeros_like(predicted))
    return error.square().sum() / known.sum().clamp(min=1)


def metric_loss(predicted: Tensor) -> Tensor:
    """L_metric (Eq. 12): mean squared distance of predictions (B,) for enhanced speech from 1."""
    return (predicted - 1.0).square().mean()
