"""The conditional VQ-VAE: x to codebook indices, and indices with side information y to x_hat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from thinwire.errors import ParamError
from thinwire.nn.ema_quantiser import EmaQuantised, EmaQuantiser
from thinwire.params.neural_dsc import DENSE, SPEECH, NdscRow, Settings
from thinwire.systems.neural_dsc.blocks import keep_scale
from thinwire.systems.neural_dsc.conv import ConvDecoder, ConvEncoder
from thinwire.systems.neural_dsc.dense import DenseDecoder, DenseEncoder

STD_FLOOR = 1e-3
"""Least standard deviation of a bin, as a share of the largest: a silent bin is not blown up."""


@dataclass
class Reconstruction:
    """A training pass: `output` of the decoder on the standardised scale (logits of bits), `target` on that scale,
    and what the quantiser says.
    """

    output: Tensor
    target: Tensor
    quantised: EmaQuantised


class NeuralDsc(nn.Module):
    """`encode(x, y, step) -> indices`, `decode(indices, y, step) -> x_hat`, for items of `shape`: (C, H, W) of maps,
    (N,) of vectors.

    Only the joint form's encoder looks at y. Speech is standardised by means and standard deviations of each channel
    and bin, gradients by one number each, both from training items; images lie in -.5 .. .5 as they are. Raises
    ParamError for a shape that the row's domain or `downsample` does not allow.
    """

    mean: Tensor
    std: Tensor
    side_mean: Tensor
    side_std: Tensor

    def __init__(self, settings: Settings, row: NdscRow, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.row, self.shape, self.dense = row, shape, row.domain in DENSE
        if len(shape) != (1 if self.dense else 3):
            raise ParamError(f"domain {row.domain} has no items of shape {shape}")
        quantiser = settings.quantiser
        self.index_grid: tuple[int, ...]
        if self.dense:
            dense, stepped = settings.dense, row.domain == "gradients"
            latents = dense.gradient_latents if stepped else dense.bits_latents
            self.index_grid, dimension = (latents,), dense.code_dim
            self.encoder: nn.Module = DenseEncoder(shape[0], latents, row.form, stepped, dense)
            self.decoder: ConvDecoder | DenseDecoder = DenseDecoder(shape[0], latents, row.form, stepped, dense)
        else:
            factor, levels = row.downsample, row.downsample.bit_length() - 1
            if shape[1] % factor or shape[2] % factor:
                raise ParamError(
                    f"maps of {shape[1]} x {shape[2]} do not divide by `downsample` {factor}; cut the items or "
                    "downsample less"
                )
            self.index_grid, dimension = (shape[1] // factor, shape[2] // factor), settings.conv.code_dim
            self.encoder = ConvEncoder(shape[0], levels, row.form, settings.conv)
            self.decoder = ConvDecoder(shape[0], levels, row.form, settings.conv)
            # a sixth less time a training step on a CPU
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        keep_scale(self.encoder)
        keep_scale(self.decoder)
        if self.dense:
            # Training starts from the mean: from an output of the items' own size its first steps shrink everything,
            # and decoders of gradients then stood still for 600 steps, those with side information the longest.
            nn.init.zeros_(self.decoder.last.weight)
        self.quantiser = EmaQuantiser(row.codewords, dimension, quantiser.decay, quantiser.eps, quantiser.revive_below)
        scale = (shape[0], shape[1], 1) if row.domain in SPEECH else (1,) * len(shape)
        for name in ("mean", "side_mean"):
            self.register_buffer(name, torch.zeros(scale))
        for name in ("std", "side_std"):
            self.register_buffer(name, torch.ones(scale))

    @property
    def codewords(self) -> int:
        """K."""
        return self.row.codewords

    @torch.no_grad()
    def fit_statistics(self, x: Tensor, y: Tensor) -> None:
        """Set the standardisation from training items x and y (n, *shape); images and bits have none."""
        if self.row.domain not in (*SPEECH, "gradients"):
            return
        over = (0, 3) if self.row.domain in SPEECH else (0, 1)
        for values, mean, std in ((x, self.mean, self.std), (y, self.side_mean, self.side_std)):
            variance, centre = torch.var_mean(values.double(), over, correction=0)
            deviation = variance.sqrt()
            mean.copy_(centre.reshape(mean.shape))
            std.copy_(deviation.clamp_min(max(STD_FLOOR * float(deviation.max()), 1e-12)).reshape(std.shape))

    def standardise(self, x: Tensor) -> Tensor:
        """x on the scale of the networks; bits 0 and 1 become -1 and 1."""
        return 2.0 * x - 1.0 if self.row.domain == "bits" else (x - self.mean) / self.std

    def forward(
        self, x: Tensor, y: Tensor | None, step: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Reconstruction:  # fmt: skip
        """A training pass through encoder, quantiser and decoder; `generator` draws what the quantiser needs."""
        target, side = self.standardise(x), self._side(y)
        quantised = self.quantiser(self.encoder(target, side, step), generator)
        output = self.decoder(quantised.z_q, side, step)
        if self._image:
            output = torch.sigmoid(output) - 0.5
        return Reconstruction(output, x if self.row.domain == "bits" else target, quantised)

    def encode(self, x: Tensor, y: Tensor | None = None, step: Tensor | None = None) -> Tensor:
        """Indices (B, *index_grid) int64 of items x; y is looked at in the joint form alone, which needs it.

        Raises ParamError for items of another shape and where the joint form has no y.
        """
        self._check(x, "x")
        if self.row.form == "joint":
            if y is None:
                raise ParamError("the joint form encodes with side information; give y, or use another form")
            self._check(y, "y")
        z = self.encoder(self.standardise(x), self._side(y) if self.row.form == "joint" else None, step)
        return self.quantiser.encode(z)

    def decode(self, indices: Tensor, y: Tensor | None = None, step: Tensor | None = None) -> Tensor:
        """x_hat (B, *shape) of indices; without y the conditioning is zeros, in the separate form it always is. Bits
        are decided, 0 or 1.

        Raises ParamError for y of another shape.
        """
        if y is not None:
            self._check(y, "y")
        output = self.decoder(self.quantiser.lookup(indices), self._side(y), step)
        if self.row.domain == "bits":
            return (output > 0.0).to(output.dtype)
        if self._image:
            return torch.sigmoid(output) - 0.5
        return output * self.std + self.mean

    @property
    def _image(self) -> bool:
        return self.row.domain in ("stereo", "halves")

    def _side(self, y: Tensor | None) -> Tensor | None:
        if y is None:
            return None
        return 2.0 * y - 1.0 if self.row.domain == "bits" else (y - self.side_mean) / self.side_std

    def _check(self, values: Tensor, name: str) -> None:
        if values.ndim != 1 + len(self.shape) or tuple(values.shape[1:]) != self.shape:
            raise ParamError(
                f"{name} has shape {tuple(values.shape)}, this model needs (items, {', '.join(map(str, self.shape))})"
            )
