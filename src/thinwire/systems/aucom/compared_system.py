"""The learned compared systems as they are trained: reconstruction through AuComNet's noisy quantiser, without a rate
term, which neither of their papers has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.aucom_compared import Compared
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.system import crop


class ComparedSystem(Trainable):
    """Mean squared error in standardised units of `crop_s` seconds of the features `clean` (B, H, L).

    Quantisation is uniform noise of one step, tau = 1 (Eq. 22), in validation too. `row_counts`: how many rows of the
    latent the server may get, all of which a network then learns to serve; one is drawn a batch.
    """

    def __init__(self, net: FeatureNet, settings: Compared, row_counts: Sequence[int]) -> None:
        super().__init__()
        self.model, self.settings, self.row_counts = net, settings, list(row_counts)
        self.weights = {"distortion": 1.0}
        self.validation_passes = 1 if len(self.row_counts) == 1 else 4

    def deployed(self) -> FeatureNet:
        return self.model

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        x = self.model.standardise(crop(batch["clean"], self.settings.crop_frames, generator))
        r = self.model.analyse(x)
        scale = self.model.normalisation.of_rows(r)
        noise = torch.rand(r.shape, generator=generator).to(r) - 0.5
        rows = self.row_counts[int(torch.randint(len(self.row_counts), (), generator=generator))]
        x_hat = self.model.synthesise(scale.restore(scale.normalise(r) + noise)[:, :rows])
        return Losses({"distortion": (x_hat - x).square().mean()})
