"""One item to bytes, bytes and side information to the item; and what its indices cost, counted in every way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thinwire.coding.quantise import PRECISION_BITS, IntegerTable, integer_table
from thinwire.errors import CheckpointError, ParamError
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.systems.neural_dsc.bitstream import Bitstream
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior, StepwisePrior

_AT_ONCE = 32
"""Items whose tables are in memory together: 1024 codewords at 250 positions take 2 MB each."""


@dataclass(frozen=True)
class Rates:
    """What one item costs: `fixed_bits`, indices of equal length; `entropy_bits`, under static tables of training
    counts; `ideal_bits`, the cross-entropy under the prior; `reference_bits`, what the reference implementation
    reports, ceil(ideal) + 1 (facts 4.2); `payload`, what is really written, of `payload_bytes`; `header_bytes`, the
    container's.

    Without a prior indices are written with equal length, and `ideal_bits` and `reference_bits` are `fixed_bits`, as
    the reference reports it.
    """

    fixed_bits: int
    entropy_bits: float
    ideal_bits: float
    reference_bits: int
    payload: bytes
    header_bytes: int

    @property
    def payload_bytes(self) -> int:
        """Bytes of the payload."""
        return len(self.payload)


def codec_fingerprint(model: NeuralDsc, prior: LatentPrior | None) -> str:
    """Names the weights: bytes decode only with both."""
    return model_fingerprint(model if prior is None else torch.nn.ModuleList([model, prior]))


class NdscCodec:
    """`encode(x, y, step, item) -> bytes`, `decode(bytes, y, step, item) -> x_hat`, for one item a time.

    x and y are (*shape); `step` is the time step of gradients. `item` names the item that x and y belong to: bytes in
    the name of one refuse the side information of another, or of one not named, unless that is the experiment
    (`other_item`).
    """

    def __init__(self, model: NeuralDsc, prior: LatentPrior | None, fingerprint: str) -> None:
        self.model, self.prior = model.eval(), None if prior is None else prior.eval()
        stepwise = None if prior is None else StepwisePrior(prior)
        self.bitstream = Bitstream(model.row.bits, math.prod(model.index_grid), stepwise, fingerprint)

    @torch.no_grad()
    def encode(self, x: Tensor, y: Tensor | None = None, step: float | None = None, item: str = "") -> bytes:
        """A container of x; y is looked at in the joint form alone.

        Raises ParamError for x or y of another shape, or not finite, and for a step that is missing or out of place.
        """
        indices = self.model.encode(self._one(x, "x"), None if y is None else self._one(y, "y"), self._step(step))
        return self.bitstream.pack(indices.reshape(-1).cpu().numpy(), item)

    @torch.no_grad()
    def decode(
        self, data: bytes, y: Tensor | None = None, step: float | None = None, item: str = "", other_item: bool = False
    ) -> Tensor:
        """x_hat (*shape) of a container; without y the decoder has no side information.

        Raises BitstreamError for bytes that are damaged or another model's, ParamError as `encode`, and where the bytes
        name an item, for any side information but that item's, unless `other_item` asks for it.
        """
        side, steps = None if y is None else self._one(y, "y"), self._step(step)
        unasked = other_item or (y is None and not item)
        flat = self.bitstream.unpack(data, None if unasked else item)
        indices = torch.from_numpy(flat).to(self.model.mean.device)
        return self.model.decode(indices.reshape(1, *self.model.index_grid), side, steps)[0]

    @torch.no_grad()
    def rates(self, indices: Tensor, counts: Tensor, item: str = "") -> list[Rates]:
        """What each of n items of indices (n, *grid) costs; `counts` (1 or L, K) are those of the training items."""
        tables = static_tables(counts, self.bitstream.positions, self.model.codewords)
        found = []
        for part in indices.reshape(len(indices), -1).cpu().split(_AT_ONCE):
            symbols, ideal = part.numpy(), self._ideal_bits(part)
            for own, bits, payload in zip(symbols, ideal, self.bitstream.payloads(symbols), strict=True):
                found.append(
                    Rates(
                        fixed_bits=self.bitstream.fixed_bits,
                        entropy_bits=static_bits(own, tables),
                        ideal_bits=bits,
                        reference_bits=self.bitstream.fixed_bits if self.prior is None else math.ceil(bits) + 1,
                        payload=payload,
                        header_bytes=self.bitstream.header_bytes(payload, item),
                    )
                )
        return found

    def _ideal_bits(self, indices: Tensor) -> list[float]:
        """Cross-entropy of each of n items' indices (n, L) under the prior."""
        if self.prior is None:
            return [float(self.bitstream.fixed_bits)] * len(indices)
        each: list[float] = self.prior.bits(indices.to(self.prior.sinusoids.device)).double().sum(1).tolist()
        return each

    def _one(self, values: Tensor, name: str) -> Tensor:
        """An item as a batch of one on the model's device."""
        if not bool(torch.isfinite(values).all()):
            raise ParamError(f"{name} holds NaN or infinities; nothing can be coded with it")
        return values[None].to(self.model.mean.device).float()

    def _step(self, step: float | None) -> Tensor | None:
        if (step is not None) != (self.model.row.domain == "gradients"):
            raise ParamError("gradients come with their time step `step`, 0 to 1, other items with none")
        return None if step is None else torch.tensor([float(step)], device=self.model.mean.device)


def static_tables(counts: Tensor, positions: int, codewords: int) -> list[IntegerTable]:
    """One table for all positions, or one a position, from counts (1 or L, K): (count + 1) / (total + K), so that a
    codeword that training never used has a price too. Raises CheckpointError for counts of another model.
    """
    if counts.ndim != 2 or counts.shape[0] not in (1, positions) or counts.shape[1] != codewords:
        raise CheckpointError(
            f"counts of shape {tuple(counts.shape)} do not fit {positions} positions of {codewords} codewords; take "
            "those that lie beside the model's weights"
        )
    return [integer_table(row + 1.0, PRECISION_BITS) for row in counts.cpu().double().numpy()]


def static_bits(symbols: np.ndarray, tables: list[IntegerTable]) -> float:
    """Ideal bits of an item's indices (L,) under `static_tables`."""
    if len(tables) == 1:
        return float(tables[0].bits(symbols).sum())
    return float(sum(table.bits(symbol) for table, symbol in zip(tables, symbols, strict=True)))
