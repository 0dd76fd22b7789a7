"""What all parameter models share: unknown keys are refused, values are frozen once read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A section of `params.yaml`; an unknown or mistyped key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Training(Section):
    """The one training loop's settings."""

    batch: int = Field(112, ge=2)
    lr: float = Field(3e-4, gt=0.0)
    long_lr: float = Field(1e-3, gt=0.0, description="of `train-long`, which starts from nothing")
    warmup: int = Field(50, ge=0)
    discriminator_lr: float = Field(3e-4, gt=0.0)
    weight_decay: float = Field(1e-4, ge=0.0)
    clip: float = Field(1.0, gt=0.0, description="largest gradient norm")
    seeds: int = Field(1, ge=1, description="models of each run, trained with different draws and measured together")
    ema: float = Field(0.0, ge=0.0, lt=1.0, description="decay of the averaged weights; 0: none")
    validate_every: int = Field(100, ge=1)
    checkpoint_every: int = Field(100, ge=1)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    devices: int = Field(1, ge=1, description="processes, or GPUs, on each node")
    nodes: int = Field(1, ge=1)
    accelerator: Literal["cpu", "auto"] = "cpu"


class Row(Section):
    """What every row of `runs` says: a system, its data, how long it trains and what it starts from."""

    system: str
    data: str
    after: str = Field(description="the path that must exist first: another run's models/<run>, or the data itself")
    init: str = Field("scratch", description="weights/<init>.safetensors to start from; `scratch` holds none")
    steps: int = Field(ge=1)
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this run")
