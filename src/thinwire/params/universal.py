"""Parameters of the segments `universal`: chunks of several corpora in one folder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from thinwire.params.base import Section


class Universal(Section):
    """Section `corpora.universal`: what the codec of all audio hears; simulated or not are the corpora themselves."""

    corpora: tuple[str, ...] = Field(
        ("librispeech", "ljspeech", "iemocap", "ravdess", "speech_commands", "esc50"), min_length=1
    )
    segment_s: float = Field(5.0, gt=0.0, le=60.0)
    chunks: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {"train": 48, "dev": 8, "eval": 16}, description="of each corpus and split at most, evenly spread"
    )

    @field_validator("chunks")
    @classmethod
    def _splits(cls, chunks: dict[str, int]) -> dict[str, int]:
        if sorted(chunks) != ["dev", "eval", "train"]:
            raise ValueError("must have train, dev and eval")
        return chunks


PARTS = {"corpora": Universal}
