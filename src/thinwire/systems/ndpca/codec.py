"""Real bits: the distributed coder's chosen components, quantised and entropy coded, in a container (beyond the paper).

Every encoder codes its own components on its own: which ones, with which step and which tables follows from statistics
that all sides share (`LinearBottleneck.deviation`) and from one level byte, so encoders never meet here either. The
level is the water level of reverse water-filling: components whose variance lies above it are sent, all with the same
step, sqrt(12 level).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from thinwire.coding.container import Header, pack, unpack
from thinwire.coding.entropy import decode_symbols, encode_symbols
from thinwire.coding.models import gaussian_table
from thinwire.coding.quantise import IntegerTable, gaussian_centroid
from thinwire.errors import BitstreamError
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.systems.ndpca.model import NdpcaModel
from thinwire.systems.ndpca.pca import LinearBottleneck
from thinwire.systems.ndpca.representation import FLOOR, prepare, synthesise

LEVELS = 117
"""Water levels half a decibel apart; at the last the largest deviation is 240 steps, where the tables end."""
MAX_SEGMENTS = 36_000


@dataclass(frozen=True)
class Rate:
    """Bits of a coded signal: `payload` of all encoders, `header` (container, level, gains), `entropy` of the symbols
    under their tables.
    """

    payload: int
    header: int
    entropy: float
    components: int

    @property
    def total(self) -> int:
        return self.payload + self.header


@dataclass(frozen=True)
class Plan:
    """What a level means: `active` places in the bottleneck's order, their quantiser step and their tables."""

    active: np.ndarray
    step: float
    scales: np.ndarray
    tables: list[IntegerTable]

    @property
    def expected_bits(self) -> float:
        """Mean bits a segment under the tables' own distributions."""
        return sum(table.entropy() for table in self.tables)


class NdpcaCodec:
    """`encode(audio (K, samples), bits) -> bytes`, `decode(bytes) -> audio (samples,)`, with one model for
    all rates. `fixed_width`: every component is coded at every level, whatever its variance.
    """

    name = "ndpca"

    def __init__(
        self, model: NdpcaModel, bottleneck: LinearBottleneck, iterations: int = 6, fixed_width: bool = False
    ) -> None:
        self.model, self.bottleneck, self.iterations = model.eval(), bottleneck, iterations
        self.fixed_width = fixed_width
        parts = [bottleneck.order, bottleneck.deviation, *bottleneck.mean, *bottleneck.directions]
        self.fingerprint = model_fingerprint(model, *parts, *([np.ones(1)] if fixed_width else []))
        self.top = float(np.max(bottleneck.deviation) ** 2) or 1.0
        self._plans: dict[int, Plan] = {}

    def plan(self, level: int) -> Plan:
        """The plan of a level 0..116: water levels fall from the largest variance in steps of half a decibel."""
        if level not in self._plans:
            water = self.top * 10.0 ** (-level / 20.0)
            deviation = self.bottleneck.deviation
            sent = deviation**2 > water * (1.0 + 1e-9)
            active = np.flatnonzero(sent | self.fixed_width)
            step = math.sqrt(12.0 * water)
            scales = np.clip(deviation[active] / step, 1 / 16, 240.0)
            self._plans[level] = Plan(active, step, scales, [gaussian_table(float(s)) for s in scales])
        return self._plans[level]

    def level_for(self, bits: float) -> int:
        """The finest level whose expected payload does not exceed `bits` a segment (bisection; expected bits grow with
        the level).
        """
        low, high = 0, LEVELS - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.plan(middle).expected_bits <= bits else (low, middle - 1)
        return low

    def mine(self, plan: Plan, source: int) -> np.ndarray:
        """Places in `plan.active` that encoder `source` codes."""
        return np.flatnonzero(self.bottleneck.order[plan.active, 0] == source)

    def quantise(self, latents: Sequence[np.ndarray], plan: Plan, source: int) -> np.ndarray:
        """Symbols (n, own components) of one encoder's latents (n, d)."""
        own = self.mine(plan, source)
        columns = self.bottleneck.order[plan.active[own], 1]
        coefficients = (latents[source] - self.bottleneck.mean[source]) @ self.bottleneck.directions[source][:, columns]
        symbols = np.rint(coefficients / plan.step).astype(np.int64)
        limits = np.array([[plan.tables[i].low, plan.tables[i].high] for i in own]).reshape(-1, 2)
        return np.clip(symbols, limits[:, 0], limits[:, 1])

    def restore(self, symbols: Sequence[np.ndarray], plan: Plan) -> np.ndarray:
        """z_hat (n, D) from every encoder's symbols: centroids of the cells, V_i, mu_i."""
        parts = []
        for source, (mean, directions) in enumerate(zip(self.bottleneck.mean, self.bottleneck.directions, strict=True)):
            own = self.mine(plan, source)
            columns = self.bottleneck.order[plan.active[own], 1]
            values = gaussian_centroid(symbols[source], plan.scales[own]) * plan.step
            parts.append(values @ directions[:, columns].T + mean)
        return np.concatenate(parts, axis=1)

    def code(self, latents: Sequence[np.ndarray], level: int) -> list[bytes]:
        """One byte string an encoder, of latents (n, d_i) of n consecutive segments."""
        plan = self.plan(level)
        streams = []
        for source in range(len(self.bottleneck.mean)):
            symbols = self.quantise(latents, plan, source)
            tables = [plan.tables[i] for i in self.mine(plan, source)] * len(symbols)
            streams.append(encode_symbols(symbols.ravel(), tables))
        return streams

    def latents(self, audio: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """z_i of every encoder for segments of (n, K, samples), each from its own microphones, and the
        levels (n, K).
        """
        data = prepare(audio, audio[:, 0], self.model.spectrum, self.model.representation)
        with torch.no_grad():
            return [z.numpy().astype(np.float64) for z in self.model.encode(data.noisy.float())], data.gain

    def encode(self, audio: np.ndarray, bits: float) -> bytes:
        """Code (K, samples) at 16 kHz with an expected payload of `bits` a second; raises BitstreamError for audio of
        another shape or NaN.
        """
        audio = np.asarray(audio, np.float32)
        if audio.ndim != 2 or audio.shape[0] != self.model.mics or audio.shape[1] == 0:
            raise BitstreamError(f"audio of shape {audio.shape}: this model codes ({self.model.mics}, samples)")
        if not np.isfinite(audio).all():
            raise BitstreamError("audio holds NaN or infinite samples; nothing was coded")
        samples, block = audio.shape[1], self.model.samples
        count = -(-samples // block)
        if count > MAX_SEGMENTS:
            raise BitstreamError(f"{count} segments: a bitstream holds {MAX_SEGMENTS}; code the audio in parts")
        padded = np.pad(audio, ((0, 0), (0, count * block - samples)))
        segments = padded.reshape(len(audio), count, block).swapaxes(0, 1)
        latents, gain = self.latents(segments)
        level = self.level_for(bits * block / 16_000)
        streams = self.code(latents, level)
        loudness = np.clip(np.rint(-20.0 * np.log10(np.maximum(gain.mean(1), FLOOR)) * 2.0), 0, 255).astype(np.uint8)
        sizes = (level, *(len(stream) for stream in streams))
        return pack(Header(self.name, self.fingerprint, samples, 16_000, sizes), loudness.tobytes() + b"".join(streams))

    def _open(self, data: bytes) -> tuple[Header, np.ndarray, list[bytes]]:
        header, payload = unpack(data, self.fingerprint)
        encoders = len(self.bottleneck.mean)
        count = -(-header.samples // self.model.samples)
        if (
            header.codec != self.name
            or len(header.sizes) != encoders + 1
            or header.sizes[0] >= LEVELS
            or not 1 <= count <= MAX_SEGMENTS
        ):
            raise BitstreamError(
                f"bitstream of codec {header.codec!r} with {len(header.sizes)} sizes is not one of this model's"
            )
        if count + sum(header.sizes[1:]) != len(payload):
            raise BitstreamError(f"payload of {len(payload)} bytes, its sizes say {count + sum(header.sizes[1:])}")
        streams, start = [], count
        for size in header.sizes[1:]:
            streams.append(payload[start : start + size])
            start += size
        return header, np.frombuffer(payload[:count], np.uint8), streams

    def decode_latent(self, data: bytes) -> np.ndarray:
        """z_hat (n, D) of a bitstream; raises BitstreamError, and nothing else, for bytes that are not this model's."""
        header, loudness, streams = self._open(data)
        plan = self.plan(header.sizes[0])
        symbols = []
        for source, stream in enumerate(streams):
            own = self.mine(plan, source)
            tables = [plan.tables[i] for i in own] * len(loudness)
            symbols.append(decode_symbols(stream, tables, len(tables)).reshape(len(loudness), len(own)))
        return self.restore(symbols, plan)

    def decode(self, data: bytes) -> np.ndarray:
        """Clean speech estimate (samples,) of a bitstream; raises BitstreamError for bytes that are not
        this model's.
        """
        z_hat = self.decode_latent(data)
        header, loudness, _ = self._open(data)
        with torch.no_grad():
            spectra = self.model.decode(torch.from_numpy(z_hat).float())
            audio = synthesise(
                spectra, self.model.spectrum, self.model.representation, self.model.samples, self.iterations
            )
        gain = 10.0 ** (-loudness.astype(np.float64) / 40.0)
        return (audio.numpy() * gain[:, None]).astype(np.float32).ravel()[: header.samples]

    def rate(self, data: bytes) -> Rate:
        """Bits of a bitstream, header apart."""
        header, loudness, streams = self._open(data)
        plan = self.plan(header.sizes[0])
        entropy = 0.0
        for source, stream in enumerate(streams):
            tables = [plan.tables[i] for i in self.mine(plan, source)]
            symbols = decode_symbols(stream, tables * len(loudness), len(tables) * len(loudness)).reshape(
                len(loudness), -1
            )
            entropy += sum(float(table.bits(symbols[:, i]).sum()) for i, table in enumerate(tables))
        payload = 8 * sum(map(len, streams))
        return Rate(payload, 8 * len(data) - payload, entropy, len(plan.active))
