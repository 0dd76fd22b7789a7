"""Exponential moving average of a module's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from thinwire.errors import CheckpointError, ParamError

_UPDATES = "updates"


class Ema:
    """Running average of a module's trainable parameters, with the decay warmed up as (1 + n) / (10 + n).

    `decay` is the largest weight of the past; 0.999 is SGMSE's (method facts 1.6). Buffers are not averaged. The
    average lives beside the module and is no part of its state dict. Raises ParamError for a decay outside [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        if not 0.0 <= decay < 1.0:
            raise ParamError(f"ema decay {decay}: must lie in [0, 1)")
        self.decay = decay
        self.updates = 0
        self._parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self._average = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the module's present parameters into the average; call once after each optimiser step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, parameter in self._parameters.items():
            self._average[name].lerp_(parameter.detach(), 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the module holds the averaged parameters; afterwards its own again, bit by bit."""
        own = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._write(self._average)
        try:
            yield
        finally:
            self._write(own)

    def state_dict(self) -> dict[str, Tensor]:
        """Flat tensors (the average and the number of updates), fit for safetensors."""
        return {_UPDATES: torch.tensor(self.updates), **{f"average.{k}": v.clone() for k, v in self._average.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state; CheckpointError if its names or shapes are not this module's, with nothing changed."""
        wanted = {_UPDATES, *(f"average.{name}" for name in self._average)}
        if odd := sorted(wanted ^ set(state)):
            raise CheckpointError(f"ema state: {odd[0]!r} is missing or foreign ({len(odd)} such); load the same model")
        for name, average in self._average.items():
            if state[f"average.{name}"].shape != average.shape:
                found = tuple(state[f"average.{name}"].shape)
                raise CheckpointError(f"ema state: {name!r} has shape {found}, not {tuple(average.shape)}; wrong model")
        self.updates = int(state[_UPDATES])
        for name, average in self._average.items():
            average.copy_(state[f"average.{name}"])

    @torch.no_grad()
    def _write(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(values[name])
