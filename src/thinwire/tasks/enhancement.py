"""Score-based speech enhancement (section 4.2, Eq. 14 to 17), on the codec's own compressed magnitudes.

The paper puts a score model "directly on the decoder output reconstructed STFT" (2048/512) and cites one whose networks
want 256 bins; facts 1.6 leave two ways, and this is the second: SGMSE's process on 1025-bin magnitudes, compressed by
`spectrum.power` (0.5, as SGMSE's) and scaled to its range. A decoder fed with tens of floats a second has no phase to
enhance, so the state is the magnitude alone, one real channel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thinwire.nn.score import ScoreConfig, ScoreNetwork, dsm_loss
from thinwire.nn.sde import OuveSde, over_batch, sample
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.score import Score

STATE_SCALE = 0.25
"""Brings unit-power compressed magnitudes (peaks of 3 to 5) to SGMSE's range, peaks of about 1, for its noise levels.
"""

DISTORTION_TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)


class Enhancer(nn.Module):
    """A score network with its process. Magnitudes in and out are compressed, unit-power and (B, F, T)."""

    def __init__(self, params: Score) -> None:
        super().__init__()
        shape = params.shape
        self.sde = OuveSde(shape.theta, shape.sigma_min, shape.sigma_max, shape.t_eps)
        config = ScoreConfig(
            1, shape.base, tuple(shape.multipliers), shape.blocks, shape.fold, shape.fourier_scale, shape.residual_scale
        )
        self.net = ScoreNetwork(config, self.sde)

    def task_loss(self, clean: Tensor, decoded: Tensor, generator: torch.Generator) -> Tensor:
        """Eq. 17: denoising score matching of clean speech given the decoded; its gradient reaches `decoded`."""
        x0, y = (STATE_SCALE * m.unsqueeze(1) for m in (clean, decoded))
        return dsm_loss(self.net, self.sde, x0, y, generator).mean()

    @torch.no_grad()
    def distortion(self, clean: Tensor, decoded: Tensor, generator: torch.Generator) -> Tensor:
        """The task loss of each item (B,), at fixed times instead of drawn ones, so that items and models can be
        compared.
        """
        x0, y = (STATE_SCALE * m.unsqueeze(1) for m in (clean, decoded))
        total = x0.new_zeros(len(x0))
        for time in DISTORTION_TIMES:
            t = torch.full((len(x0),), time)
            std = over_batch(self.sde.std(t), x0)
            z = self.sde.noise(x0, generator)
            score = self.net(self.sde.mean(x0, y, t) + std * z, y, t)
            total += 0.5 * (std * score + z).square().flatten(1).mean(1) / len(DISTORTION_TIMES)
        return total

    def enhance(self, decoded: Tensor, steps: int, generator: torch.Generator) -> Tensor:
        """Clean magnitude drawn by the predictor-corrector sampler, (B, F, T) to the same; below zero is zero."""
        y = STATE_SCALE * decoded.unsqueeze(1)
        out = sample(self.net, y, self.sde, n_steps=steps, generator=generator)
        return out.squeeze(1).clamp_min(0.0) / STATE_SCALE


class EnhancerTraining(Trainable):
    """Trains the score network: y is a noisy microphone, or one blurred as a starved decoder blurs it."""

    weights = {"task": 1.0}

    def __init__(self, params: Score) -> None:
        super().__init__()
        self.params = params
        self.enhancer = Enhancer(params)

    def deployed(self) -> nn.Module:
        return self.enhancer

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        clean, noisy = batch["clean"].squeeze(1), batch["noisy"].squeeze(2)
        mic = torch.randint(noisy.shape[1], (len(noisy),), generator=generator)
        y = noisy[torch.arange(len(noisy)), mic]
        blurred = torch.stack([self.blur(a, b, generator) for a, b in zip(y, clean, strict=True)])
        chosen = torch.rand(len(y), generator=generator) < self.params.degrade
        y = torch.where(chosen[:, None, None].to(y.device), blurred, y)
        return Losses({"task": self.enhancer.task_loss(clean, y, generator)})

    @staticmethod
    def blur(noisy: Tensor, clean: Tensor, generator: torch.Generator) -> Tensor:
        """A mixture of microphone and clean magnitude (F, T), averaged over a random patch of bins and frames."""
        share, wide, long = torch.rand(3, generator=generator).tolist()
        bins, frames = 1 + 2 * int(wide**2 * 24), 1 + 2 * int(long**2 * 8)
        mixed = (share * noisy + (1.0 - share) * clean)[None, None]
        return F.avg_pool2d(mixed, (bins, frames), 1, (bins // 2, frames // 2), count_include_pad=False)[0, 0]
