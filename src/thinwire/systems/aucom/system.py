"""AuComNet as it is trained (section 4.3.3): crops of chunks, uniform noise for rounding, rate and distortion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import FRAME_RATE, STRIDE, Settings
from thinwire.systems.aucom.codec_net import AuComNet


class AucomCodecSystem(Trainable):
    """Losses of a run's row: `rate`, bits a symbol under the prior (Eq. 20), and `distortion`, mean squared error of
    standardised features (Eq. 19); `kbps` is the rate again, logged.

    Their weights, 1 and lambda times features a symbol, make the sum Eq. 21 divided by the number of symbols. Batches
    hold features as `clean` (B, H, L); training steps see crops of `crop_s`, validation whole chunks, rounded.
    """

    validation_passes = 1

    def __init__(self, settings: Settings, row: AucomRow) -> None:
        super().__init__()
        self.settings, self.model = settings, AuComNet(settings, row)
        lmbda = settings.lmbda if row.lmbda is None else row.lmbda
        features_a_symbol = settings.n_mels * STRIDE / self.model.rows
        self.weights = {"rate": 1.0, "distortion": lmbda * features_a_symbol}

    def deployed(self) -> nn.Module:
        return self.model

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        model, f = self.model, batch["clean"]
        if self.training:
            f = crop(f, self.settings.crop_frames, generator)
        x = model.standardise(f)
        r = model.analyse(x)
        scale = model.normalisation.of_rows(r)
        normalised = scale.normalise(r)
        if self.training:
            noise = torch.rand(normalised.shape, generator=generator).to(normalised) - 0.5
            r_hat = normalised + noise
        else:
            r_hat = normalised.round()
        x_hat = model.synthesise(scale.restore(r_hat))
        rate = model.prior.bits(r_hat).mean()
        named = {
            "rate": rate,
            "distortion": (x_hat - x).square().mean(),
            "kbps": rate.detach() * model.rows * FRAME_RATE / STRIDE / 1000.0,
        }
        return Losses(named)


def crop(f: Tensor, frames: int, generator: torch.Generator) -> Tensor:
    """`frames` frames of each item of f (B, H, L), from a random start of its own."""
    starts = torch.randint(f.shape[2] - frames + 1, (len(f),), generator=generator).tolist()
    return torch.stack([item[:, start : start + frames] for item, start in zip(f, starts, strict=True)])
