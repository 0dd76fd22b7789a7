"""The distributed coder's networks: encoders that never meet, one decoder for all (section 3.2, Fig. 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from thinwire.errors import ParamError
from thinwire.nn.trainable import count_parameters
from thinwire.params.ndpca import NdpcaShape, Representation, Run
from thinwire.params.spectrum import Spectrum
from thinwire.systems.ndpca.modules import SpectralDecoder, SpectralEncoder
from thinwire.systems.ndpca.pca import project_budget
from thinwire.systems.ndpca.representation import CHANNELS, frames_of

GROUPS = {"E1D1": 1, "E2D1": 2, "E4D1": 4}
STATISTICS_ITEMS = 500
BINS_AT_ONCE = 256
ENCODED_AT_ONCE = 64


@dataclass(frozen=True)
class NdpcaOutput:
    """`latents` as encoded, `projected` as they reach the decoder, `output` (B, C, F, T)."""

    latents: list[Tensor]
    projected: list[Tensor]
    output: Tensor


class NdpcaModel(nn.Module):
    """K microphones in `groups` encoders of equal latent size, one decoder of the clean spectrum.

    x (B, K, C, F, T) --> E_1..E_G --> z_1..z_G --> bottleneck --> [z_hat_1..z_hat_G] --> D --> x_hat (B, C, F, T)

    Inputs and output are standardised per bin by training statistics (`fit_statistics`), which belong to the model.
    """

    def __init__(
        self,
        shape: NdpcaShape,
        spectrum: Spectrum,
        arch: str,
        representation: Representation,
        latent: int,
        mics: int,
        samples: int,
    ) -> None:
        super().__init__()
        groups = GROUPS[arch]
        if mics % groups:
            raise ParamError(
                f"{arch} shares {mics} microphones out over {groups} encoders; choose corpora.chime6.sources to fit"
            )
        if latent % groups:
            raise ParamError(f"{arch}: a latent of {latent} floats cannot be shared out equally over {groups} encoders")
        self.arch, self.groups, self.mics = arch, groups, mics
        self.spectrum, self.representation, self.latent, self.samples = spectrum, representation, latent, samples
        bins, frames, channels = spectrum.n_fft // 2 + 1, frames_of(samples, spectrum), CHANNELS[representation]
        self.grid = (channels, bins, frames)
        features = mics // groups * channels * bins
        width = matched_width(shape, arch, mics, channels * bins, frames, latent)
        build = (frames, latent // groups, width, shape.blocks, shape.stride)
        self.encoders = nn.ModuleList([SpectralEncoder(features, *build) for _ in range(groups)])
        self.decoder = SpectralDecoder(
            channels * bins, frames, latent, shape.decoder_width, shape.decoder_blocks, shape.stride
        )

    def fit_statistics(self, noisy: Tensor, clean: Tensor) -> None:
        """Set the standardisation from evenly spread items of training tensors (n, K, C, F, T) and (n, C, F, T)."""

        def moments(data: Tensor, repeat: int) -> tuple[Tensor, Tensor]:
            some = data[:: -(-len(data) // STATISTICS_ITEMS)].flatten(-3, -2)
            # some bins at a time: as float32, all of them would be the largest thing in memory
            parts = [part.float().flatten(0, -3) for part in some.split(BINS_AT_ONCE, dim=-2)]
            mean, std = (torch.cat([moment(part, (0, 2)) for part in parts]) for moment in (torch.mean, torch.std))
            return mean.repeat(repeat), std.clamp_min(1e-3).repeat(repeat)

        heard = moments(noisy, self.mics // self.groups)
        layers: list[tuple[nn.Module, tuple[Tensor, Tensor]]] = [(e.projection, heard) for e in self.encoders]  # type: ignore[misc]
        for layer, (mean, std) in [*layers, (self.decoder.output, moments(clean, 1))]:
            layer.mean.copy_(mean)  # type: ignore[operator, union-attr]
            layer.std.copy_(std)  # type: ignore[operator, union-attr]

    def encoder_inputs(self, x: Tensor) -> list[Tensor]:
        """(B, features, T) for each encoder, of its own microphones alone: neighbours share one."""
        return [part.flatten(1, 2) for part in x.flatten(2, 3).chunk(self.groups, dim=1)]

    def encode(self, x: Tensor) -> list[Tensor]:
        """z_i of every encoder for all microphones (B, K, C, F, T)."""
        return [encoder(part) for encoder, part in zip(self.encoders, self.encoder_inputs(x), strict=True)]

    def decode(self, z_hat: Tensor) -> Tensor:
        """X_hat = D(z_hat), (B, D) to (B, C, F, T)."""
        return self.decoder(z_hat).unflatten(1, self.grid[:2])

    def forward(self, x: Tensor, budget: int | None = None) -> NdpcaOutput:
        """Encode, project to a random budget if one is given (training), decode."""
        latents = self.encode(x)
        projected = project_budget(latents, budget) if budget is not None else latents
        return NdpcaOutput(latents, projected, self.decode(torch.cat(projected, dim=1)))


def matched_width(shape: NdpcaShape, arch: str, mics: int, per_mic: int, frames: int, latent: int) -> int:
    """The encoder width that gives all encoders of `arch` together as many parameters as those of E4D1
    (facts 1.8.14).
    """

    def total(groups: int, width: int) -> int:
        encoder = SpectralEncoder(
            mics // groups * per_mic, frames, max(latent // groups, 1), width, shape.blocks, shape.stride
        )
        return groups * count_parameters(encoder)

    groups = GROUPS[arch]
    if groups == mics or mics < GROUPS["E4D1"]:
        return shape.width
    with torch.device("meta"):
        goal = total(GROUPS["E4D1"], shape.width)
        low, high = 1, 4 * shape.width
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if total(groups, middle) >= goal else (middle + 1, high)
        return min((low - 1, low), key=lambda width: abs(total(groups, max(width, 1)) - goal))


def build_model(shape: NdpcaShape, spectrum: Spectrum, run: Run, mics: int, samples: int) -> NdpcaModel:
    """The model of a run's row; a `fixed` model has a latent of just its one bandwidth."""
    latent = run.fixed_m if run.fixed_m is not None else shape.latent
    return NdpcaModel(shape, spectrum, run.arch, run.representation, latent, mics, samples)


def encode_all(model: NdpcaModel, noisy: Tensor) -> list[np.ndarray]:
    """z_i of every item, as float64 (n, d_i)."""
    parts = []
    with torch.no_grad():
        for block in noisy.split(ENCODED_AT_ONCE):
            parts.append([z.double().numpy() for z in model.encode(block.float())])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
