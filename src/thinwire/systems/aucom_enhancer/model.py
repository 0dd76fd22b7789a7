"""AUComSENNet: one encoder, a mask for the magnitude, and the phase itself (section 4.2.1; Fig. 4 to 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thinwire.errors import ParamError
from thinwire.params.aucom_enhancer import EnhancerShape, Settings
from thinwire.systems.aucom_enhancer.blocks import (
    LearnableSigmoid,
    TimeFrequencyPerformer,
    Upsample,
    WtDenseBlock,
)
from thinwire.systems.aucom_enhancer.norm import NormAct
from thinwire.systems.aucom_enhancer.performer import Favor
from thinwire.systems.aucom_enhancer.spectrum import Polar, analyse, level_of, synthesise

MASK_LIMIT = 2.0
"""W of Eq. 8: the largest factor on a compressed magnitude."""


class Encoder(nn.Module):
    """X_in (B, 2, T, F) to (B, N_x, T, (F - 1) / 2) (section 4.2.1.2).

    "At each stage" leaves open how many Performers there are: `pairs` of them after the downsampling (facts 3.2).
    """

    def __init__(self, shape: EnhancerShape) -> None:
        super().__init__()
        width = shape.channels
        self.start = nn.Sequential(nn.Conv2d(2, width, 1), NormAct(width))
        self.dense = WtDenseBlock(shape)
        self.down = nn.Sequential(nn.Conv2d(width, width, (1, 3), (1, 2)), NormAct(width))
        self.performers = nn.Sequential(*(TimeFrequencyPerformer(shape) for _ in range(shape.pairs)))

    def forward(self, x: Tensor) -> Tensor:
        return self.performers(self.down(self.dense(self.start(x))))


class MaskDecoder(nn.Module):
    """Mask M_x (B, T, F) between 0 and MASK_LIMIT (section 4.2.1.3)."""

    def __init__(self, shape: EnhancerShape, bins: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(WtDenseBlock(shape), Upsample(shape.channels), nn.Conv2d(shape.channels, 1, 1))
        self.sigmoid = LearnableSigmoid(bins, MASK_LIMIT)

    def forward(self, x: Tensor) -> Tensor:
        return self.sigmoid(self.layers(x).squeeze(1))


class PhaseDecoder(nn.Module):
    """Phase (B, T, F) in radians by the four-quadrant arctangent of two maps (section 4.2.1.4; Eq. 9, facts 3.4.5).

    The text has no upsampling here; without it the bins would not fit, so it is MP-SENet's, as in the mask decoder.
    """

    def __init__(self, shape: EnhancerShape) -> None:
        super().__init__()
        self.layers = nn.Sequential(WtDenseBlock(shape), Upsample(shape.channels))
        self.real, self.imaginary = (nn.Conv2d(shape.channels, 1, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return torch.atan2(self.imaginary(x), self.real(x)).squeeze(1)


class AuComSenNet(nn.Module):
    """The enhancer. `updates` counts the training steps behind the weights; the random features follow it."""

    updates: Tensor

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.spectrum, self.redraw_every = settings.spectrum, settings.shape.redraw_every
        self.encoder = Encoder(settings.shape)
        self.mask_decoder = MaskDecoder(settings.shape, settings.spectrum.n_fft // 2 + 1)
        self.phase_decoder = PhaseDecoder(settings.shape)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def forward(self, noisy: Polar) -> Polar:
        """Enhanced compressed magnitude and phase (B, F, T) of noisy ones.

        X_in holds the compressed magnitude (facts 3.4.6). The mask multiplies it, as the paper's formula has it.
        """
        x = torch.stack([noisy.magnitude, noisy.phase], 1).transpose(2, 3)
        latent = self.encoder(x.contiguous(memory_format=torch.channels_last))
        mask, phase = self.mask_decoder(latent), self.phase_decoder(latent)
        return Polar(mask.transpose(1, 2) * noisy.magnitude, phase.transpose(1, 2))

    def enhance(self, audio: Tensor) -> Tensor:
        """Enhanced waveforms of audio (B, N) at 16 kHz, of its length and level; silence stays silence.

        Raises ParamError for another shape or fewer samples than one window.
        """
        if audio.dim() != 2 or audio.shape[1] < self.spectrum.n_fft:
            raise ParamError(
                f"enhancer: audio of shape {tuple(audio.shape)}; need (B, N) with N >= {self.spectrum.n_fft}"
            )
        level = level_of(audio)
        enhanced = self(analyse(audio / level, self.spectrum))
        return synthesise(enhanced, self.spectrum, audio.shape[1]) * level

    def stepped(self, generator: torch.Generator) -> None:
        """Count a training step; after every `redraw_every` of them the Performers get new random features."""
        self.updates += 1
        if int(self.updates) % self.redraw_every == 0:
            for module in self.modules():
                if isinstance(module, Favor):
                    module.redraw(generator)
