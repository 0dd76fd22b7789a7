"""Gradient coders in use, at an equal number of bits (facts 4.2, 4.3): QSGD, top-k, random-k, coordinate sampling; and
what a learned coder has to beat, sending nothing and copying the side information.

Every message is bytes of at most `bits` bits, and is all that the decoder gets of the gradient, beside the side
information, the time step, and a seed that both sides know (a seed costs nothing: both count the steps). `spending`
says what the bits are for. Readings where the facts give names alone: values are half-precision floats, since that is
kinder to top-k and random-k than 32 bits; random-k is scaled to be unbiased; coordinate sampling draws coordinates in
proportion to their magnitudes, with replacement; nothing keeps what was left out for the next step.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from thinwire.errors import BitstreamError, ParamError
from thinwire.systems.neural_dsc.gradient_message import FieldReader, float_field, pack_fields, places_of, rank_of

VALUE_BITS, NORM_BITS = 16, 32
Spending = dict[str, int]


class GradientCoder(Protocol):
    """A coder of gradients x (N,) float32, given y (N,) at the decoder."""

    name: str

    @property
    def spending(self) -> Spending:
        """Most bits of a message, by what they are for."""
        ...

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        """The message; `y` is looked at by a joint coder alone, `step` in 0..1 and `seed` are known on both sides."""
        ...

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        """x_hat (N,) float32; raises BitstreamError for bytes that `encode` does not write."""
        ...


def bits_of(coder: GradientCoder) -> int:
    """Most bits of a coder's message."""
    return sum(coder.spending.values())


class _Sparse:
    """What coders of N values share: the width of an index, and its check."""

    def __init__(self, values: int, budget: int) -> None:
        self.values, self.index_bits = values, (values - 1).bit_length()
        self.budget = budget

    def _at_least_one(self, k: int) -> int:
        if k < 1:
            raise ParamError(f"a budget of {self.budget} bits holds not one value of a gradient; raise it")
        return min(k, self.values)

    def _index(self, reader: FieldReader) -> int:
        index = reader.take(self.index_bits)
        if index >= self.values:
            raise BitstreamError(f"the message of a gradient names value {index} of {self.values}; it is damaged")
        return index


class TopK(_Sparse):
    """The k values of largest magnitude, each with its index; the others are zero. Biased."""

    name = "top_k"

    def __init__(self, values: int, budget: int) -> None:
        super().__init__(values, budget)
        self.k = self._at_least_one(budget // (self.index_bits + VALUE_BITS))

    @property
    def spending(self) -> Spending:
        return {"indices": self.k * self.index_bits, "values": self.k * VALUE_BITS}

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        largest = np.sort(np.argsort(-np.abs(x), kind="stable")[: self.k])
        fields = [field for i in largest for field in ((int(i), self.index_bits), float_field(x[i], VALUE_BITS))]
        return pack_fields(fields)

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        x_hat, reader = np.zeros(self.values, np.float32), FieldReader(message)
        for _ in range(self.k):
            index = self._index(reader)
            x_hat[index] = reader.take_float(VALUE_BITS)
        reader.finish()
        return x_hat


class RandomK(_Sparse):
    """k values at places that both sides draw from the seed, so that no index is sent; scaled by N / k: unbiased."""

    name = "random_k"

    def __init__(self, values: int, budget: int) -> None:
        super().__init__(values, budget)
        self.k = self._at_least_one(budget // VALUE_BITS)

    @property
    def spending(self) -> Spending:
        return {"values": self.k * VALUE_BITS}

    def _places(self, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).choice(self.values, self.k, replace=False)

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        return pack_fields([float_field(value, VALUE_BITS) for value in x[self._places(seed)]])

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        x_hat, reader = np.zeros(self.values, np.float32), FieldReader(message)
        for place in self._places(seed):
            x_hat[place] = reader.take_float(VALUE_BITS) * self.values / self.k
        reader.finish()
        return x_hat


class CoordinateSampling(_Sparse):
    """k coordinates drawn with replacement in proportion to |x_i|: index and sign of each, and the sum |x| once.

    A coordinate counts sign * sum |x| / k every time that it is drawn: unbiased, and no value need be sent.
    """

    name = "coordinate_sampling"

    def __init__(self, values: int, budget: int) -> None:
        super().__init__(values, budget)
        self.k = self._at_least_one((budget - NORM_BITS) // (self.index_bits + 1))

    @property
    def spending(self) -> Spending:
        return {"norm": NORM_BITS, "indices": self.k * self.index_bits, "signs": self.k}

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        magnitude = np.abs(x, dtype=np.float64)
        total = magnitude.sum()
        shares = magnitude / total if total > 0 else np.full(self.values, 1.0 / self.values)
        drawn = np.sort(np.random.default_rng(seed).choice(self.values, self.k, p=shares))
        fields = [float_field(total, NORM_BITS)]
        for i in drawn:
            fields += [(int(i), self.index_bits), (int(x[i] < 0), 1)]
        return pack_fields(fields)

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        x_hat, reader = np.zeros(self.values, np.float32), FieldReader(message)
        each = reader.take_float(NORM_BITS) / self.k
        for _ in range(self.k):
            index = self._index(reader)
            x_hat[index] += -each if reader.take(1) else each
        reader.finish()
        return x_hat


class Qsgd(_Sparse):
    """QSGD (Alistarh et al. 2017): |x_i| / ||x|| rounded at random to a multiple of 1 / s, unbiased. Sent are the norm,
    s, how many levels are not zero, where they are, their signs, and their sizes in Elias' gamma code.

    The message's length is random. The largest s, in quarters from 1 up, is taken with which `_FITTING` of `_DRAWS`
    roundings fit the budget, and the first of those that do is sent: a small bias towards zero. With a norm that
    outgrows any budget at s = 1, the largest values are kept. The paper codes distances between levels by Elias' omega
    code; the number of a set of places among all of its size takes fewer bits.
    """

    name = "qsgd"
    _LEVELS_FIELD = 8
    _DRAWS, _FITTING = 8, 7

    def __init__(self, values: int, budget: int) -> None:
        super().__init__(values, budget)
        self._count_bits = values.bit_length()
        self._place_bits = [(math.comb(values, count) - 1).bit_length() for count in range(values + 1)]
        room = self.budget - self._overhead
        self._at_least_one(
            sum(bits + 2 * count <= room for count, bits in enumerate(self._place_bits[: values // 2])) - 1
        )

    @property
    def _overhead(self) -> int:
        return NORM_BITS + self._LEVELS_FIELD + self._count_bits

    @property
    def spending(self) -> Spending:
        each = self.budget - self._overhead
        return {"norm": NORM_BITS, "levels": self._LEVELS_FIELD, "count": self._count_bits, "values": each}

    def _bits(self, levels: np.ndarray) -> int:
        """Length of the message of levels (N,)."""
        sent = levels[levels > 0]
        return self._overhead + self._place_bits[len(sent)] + len(sent) + int(_gamma_bits(sent).sum())

    def _rounded(self, share: np.ndarray, quarters: int, seed: int) -> tuple[np.ndarray | None, int]:
        """The first of `_DRAWS` roundings of |x| / ||x|| (N,) that fits, None without one, and how many fit."""
        scaled = share * (1.0 + quarters / 4.0)
        low = np.floor(scaled)
        draws = np.random.default_rng(seed).random((self._DRAWS, self.values))
        rounded = np.asarray(low + (draws < scaled - low), np.int64)
        fitting = [levels for levels in rounded if self._bits(levels) <= self.budget]
        return (fitting[0] if fitting else None), len(fitting)

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        norm = float(np.linalg.norm(x.astype(np.float64)))
        share = np.abs(x, dtype=np.float64) / norm if norm > 0 else np.zeros(self.values)
        quarters, above = 0, 1 << self._LEVELS_FIELD
        while above - quarters > 1:
            middle = (quarters + above) // 2
            if self._rounded(share, middle, seed)[1] >= self._FITTING:
                quarters = middle
            else:
                above = middle
        levels, _ = self._rounded(share, quarters, seed)
        if levels is None:  # a budget far too small for this gradient
            levels = self._largest(share)
        sent = np.flatnonzero(levels)
        fields = [float_field(norm, NORM_BITS), (quarters, self._LEVELS_FIELD), (len(sent), self._count_bits)]
        fields.append((rank_of(sent), self._place_bits[len(sent)]))
        for i in sent:
            level = int(levels[i])
            fields += [(int(x[i] < 0), 1), (0, level.bit_length() - 1), (level, level.bit_length())]
        return pack_fields(fields)

    def _largest(self, share: np.ndarray) -> np.ndarray:
        """Levels (N,) of 1 for as many of the largest values as fit."""
        levels = np.zeros(self.values, np.int64)
        for i in np.argsort(-share, kind="stable"):
            levels[i] = 1
            if self._bits(levels) > self.budget:
                levels[i] = 0
                break
        return levels

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        x_hat, reader = np.zeros(self.values, np.float32), FieldReader(message)
        norm, levels = reader.take_float(NORM_BITS), 1.0 + reader.take(self._LEVELS_FIELD) / 4.0
        count = reader.take(self._count_bits)
        if count > self.values:
            raise BitstreamError(f"the message of a gradient has {count} of {self.values} values; it is damaged")
        rank = reader.take(self._place_bits[count])
        if rank >= math.comb(self.values, count):
            raise BitstreamError("the message of a gradient names places that there are not; it is damaged")
        for i in places_of(rank, count, self.values):
            sign, zeros = (-1.0 if reader.take(1) else 1.0), 0
            while not reader.take(1):
                zeros += 1
            x_hat[i] = sign * norm * (1 << zeros | reader.take(zeros)) / levels
        reader.finish()
        return x_hat


def _gamma_bits(levels: np.ndarray) -> np.ndarray:
    """Lengths of Elias' gamma code of levels above 0."""
    return 2 * (np.frexp(levels)[1] - 1) + 1


class CopySide:
    """No bits at all: the other worker's gradient stands in."""

    name = "copy"
    spending: Spending = {}

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        return b""

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        return y.copy()


class Uncompressed:
    """All values as 32-bit floats."""

    name = "uncompressed"

    def __init__(self, values: int) -> None:
        self.spending: Spending = {"values": 32 * values}

    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        return x.astype("<f4").tobytes()

    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        if 8 * len(message) != sum(self.spending.values()):
            raise BitstreamError(f"{len(message)} bytes are no gradient; the message is damaged")
        return np.frombuffer(message, "<f4").astype(np.float32)


def coders_in_use(values: int, budget: int) -> list[GradientCoder]:
    """The coders that a learned one is compared with, for gradients of so many values, at `budget` bits."""
    kinds = (Qsgd, TopK, RandomK, CoordinateSampling)
    return [Uncompressed(values), CopySide(), *(kind(values, budget) for kind in kinds)]
