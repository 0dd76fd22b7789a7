"""Parameters of `aucom_deepcod`, a light strided convolution with an attention decoder after DeepCOD: a system that
AUCOM is compared with."""

from __future__ import annotations

from pydantic import Field, model_validator

from thinwire.params.aucom_compared import Compared


class Settings(Compared):
    """Section `systems.aucom_deepcod`; with the defaults the encoder has Table 3's 51 parameters."""

    latents: int = Field(3, ge=1, description="channels of the latent; 3 x (4 x 4 + 1) = 51")
    width: int = Field(32, ge=4, description="channels of the decoder")
    heads: int = Field(2, ge=1, description="of the decoder's self-attention")
    blocks: int = Field(2, ge=1, description="decoder: convolutions and attention, so many times")

    @model_validator(mode="after")
    def _shapes(self) -> Settings:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, found {self.width} and {self.heads}")
        if self.n_mels % 4:
            raise ValueError(f"spectrum.n_mels must be a multiple of 4, found {self.n_mels}")
        return self


PARTS = {"systems": Settings}
