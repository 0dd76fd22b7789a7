"""AUComSENNet as it is trained: crops of clean and noisy pairs, losses, metric discriminator (section 4.2.1.6)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thinwire.audio import SAMPLE_RATE
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.aucom_enhancer import Settings
from thinwire.systems.aucom_enhancer.discriminator import MetricDiscriminator, metric_loss
from thinwire.systems.aucom_enhancer.losses import enhancement_losses
from thinwire.systems.aucom_enhancer.model import AuComSenNet
from thinwire.systems.aucom_enhancer.spectrum import analyse, level_of, synthesise


def crop_pairs(pairs: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """`samples` of each item of pairs (B, 2, N) from a random start, the same for both waveforms."""
    room = pairs.shape[-1] - samples
    if room <= 0:
        return pairs
    starts = torch.randint(room + 1, (len(pairs),), generator=generator).tolist()
    return torch.stack([pair[:, start : start + samples] for pair, start in zip(pairs, starts, strict=True)])


class EnhancerSystem(Trainable):
    """Losses of clean and noisy pairs, `clean` and `noisy` (B, N) at 16 kHz, of which a step sees `crop_s` seconds.

    Both are scaled by what brings the noisy one to RMS 1.
    """

    validation_passes = 1

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.model = AuComSenNet(settings)
        self.weights = settings.losses.model_dump()
        self.samples = int(settings.crop_s * SAMPLE_RATE)

    def deployed(self) -> nn.Module:
        return self.model

    def make_critic(self) -> nn.Module | None:
        if self.settings.losses.metric == 0.0:
            return None
        return MetricDiscriminator(self.settings.discriminator, self.settings.spectrum)

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        spectrum = self.settings.spectrum
        pairs = crop_pairs(torch.stack([batch["clean"], batch["noisy"]], 1), self.samples, generator)
        clean, noisy = (pairs / level_of(pairs[:, 1:])).unbind(1)
        enhanced = self.model(analyse(noisy, spectrum))
        output = synthesise(enhanced, spectrum, clean.shape[1])
        named = enhancement_losses(clean, analyse(clean, spectrum), output, enhanced, spectrum)
        if self.training:
            self.model.stepped(generator)
        if critic is None:
            return Losses(named)
        assert isinstance(critic, MetricDiscriminator)
        real, fake = torch.stack([clean, clean], 1), torch.stack([output, clean], 1)
        named["metric"] = metric_loss(critic.score(fake, generator))
        judged = self.settings.discriminator.pesq_items
        return Losses(named, real[:judged], fake[:judged].detach())
