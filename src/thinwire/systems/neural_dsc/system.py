"""The conditional VQ-VAE as it is trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.neural_dsc import NdscRow, Settings
from thinwire.systems.neural_dsc.model import NeuralDsc, Reconstruction


class NeuralDscSystem(Trainable):
    """Losses of a run's row: `mse`, mean squared error on the standardised scale (images as they are); of gradients
    `sse`, the squared error summed over an item, in units of the gradients' variance; of bits `bce`, the log-loss of
    soft bits in nats; and `commitment`, with weight beta. `perplexity` of the indices is logged.

    Complex spectra weigh `mse` and `magnitude`, the mean squared error of the bins' magnitudes, alike: where the rate
    does not tell phases, the squared error alone asks for silence. Reading, after TF-Codec's loss.

    Batches hold `clean`, the source x, `y`, and for gradients `step`.
    """

    validation_passes = 1

    def __init__(self, settings: Settings, row: NdscRow, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.settings, self.row = settings, row
        self.model = NeuralDsc(settings, row, shape)
        beta = settings.quantiser.dense_beta if self.model.dense else settings.quantiser.beta
        self.distortion = {"gradients": "sse", "bits": "bce"}.get(row.domain, "mse")
        self.weights = {self.distortion: 1.0, "commitment": beta}
        if row.domain == "stft":
            self.weights |= {self.distortion: 0.5, "magnitude": 0.5}

    def total(self, losses: Losses) -> Tensor:
        """The weighted sum; in validation without the commitment, so that the weights kept are those that decode best:
        with few codewords latents drift from them while the output still improves.
        """
        if not self.training:
            losses = Losses({name: value for name, value in losses.named.items() if name != "commitment"})
        return super().total(losses)

    def deployed(self) -> nn.Module:
        return self.model

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        passed: Reconstruction = self.model(batch["clean"], batch["y"], batch.get("step"), generator)
        named = {
            self.distortion: self._distortion(passed.output, passed.target),
            "commitment": passed.quantised.commitment,
            "perplexity": passed.quantised.perplexity,
        }
        if self.row.domain == "stft":
            named["magnitude"] = functional.mse_loss(_magnitude(passed.output), _magnitude(passed.target))
        return Losses(named)

    def _distortion(self, output: Tensor, target: Tensor) -> Tensor:
        if self.distortion == "bce":
            return functional.binary_cross_entropy_with_logits(output, target)
        squared = (output - target).square()
        return squared.sum(1).mean() if self.distortion == "sse" else squared.mean()


def _magnitude(spectrum: Tensor) -> Tensor:
    """(B, F, T) of real and imaginary parts (B, 2, F, T), with a gradient also at 0."""
    return (spectrum.square().sum(1) + 1e-6).sqrt()
