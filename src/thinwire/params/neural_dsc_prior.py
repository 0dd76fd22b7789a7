"""Parameters of `neural_dsc_prior`, the autoregressive prior over a codec's indices."""

from __future__ import annotations

from pydantic import Field, model_validator

from thinwire.params.base import Section


class Settings(Section):
    """Section `systems.neural_dsc_prior`: a decoder-only transformer (facts 4.2; its 128, 4, 4, 512).

    Its warm-up (2000), learning rate (3e-4) and clipping (100) are the loop's, set in `training`.
    """

    dim: int = Field(64, ge=2)
    blocks: int = Field(2, ge=1)
    heads: int = Field(2, ge=1)
    dff: int = Field(128, ge=1, description="hidden width of a block's feed-forward part")
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this system's runs")

    @property
    def spectrum(self) -> Section:
        """Nothing: a prior sees indices. Every trained model's config.json has the entry."""
        return Section()

    @model_validator(mode="after")
    def _heads(self) -> Settings:
        if self.dim % self.heads or self.dim % 2:
            raise ValueError(f"dim must be even and a multiple of heads, found {self.dim} and {self.heads}")
        return self


PARTS = {"systems": Settings}
