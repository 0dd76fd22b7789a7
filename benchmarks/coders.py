"""The four entropy coders on the same symbols: rows of rounded Gaussians, as AuComNet's normalised latents are."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, Scale, repeat
from thinwire.coding.coders import EntropyCoder, decode_rows, encode_rows
from thinwire.params import Params
from thinwire.systems.aucom.tables import RowTables, count_symbols

ROWS = 40
"""Of version 1 with 80 mels: 2 channels of 20."""
MINUTES = 10
COLUMNS = 25 * 60 * MINUTES
TAU = 1.0
TARGETS: dict[EntropyCoder, float | None] = {"huffman": 1.0, "arithmetic": None, "range": 5.0, "rans": 5.0}
WARM_UP = 2


def latents(seed: int) -> np.ndarray:
    """Symbols (ROWS, COLUMNS) int32 of Gaussians whose standard deviations lie around 1, one a row."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.8, 1.2, (ROWS, 1))
    return np.round(spread * rng.standard_normal((ROWS, COLUMNS)) / TAU).astype(np.int32)


def coders(params: Params, scale: Scale) -> list[Measurement]:
    """Symbols to bytes and back with each coder, under tables made from other symbols of the same kind."""
    tables = RowTables.from_counts(count_symbols([latents(params.seed)[None]]))
    symbols = tables.clamp(latents(params.seed + 1)).symbols
    return [row for coder in TARGETS for row in _both_ways(symbols, tables, coder, scale)]


def _both_ways(symbols: np.ndarray, tables: RowTables, coder: EntropyCoder, scale: Scale) -> list[Measurement]:
    data = encode_rows(symbols, tables.tables, coder)
    encoding = repeat(lambda _: encode_rows(symbols, tables.tables, coder), scale.repetitions, WARM_UP)
    decoding = repeat(lambda _: decode_rows(data, tables.tables, COLUMNS, coder), scale.repetitions, WARM_UP)
    million = symbols.size / 1e6
    bits, ideal = 8 * len(data) / symbols.size, float(tables.bits(symbols).sum()) / symbols.size
    rows = []
    for way, timing, extra in (("encode", encoding, ""), ("decode", decoding, ", encoding again as proof included")):
        what = f"{MINUTES} minutes of {ROWS} rows of symbols at tau {TAU:g}, {coder}: {way}{extra}"
        note = f"{bits:.4f} bits a symbol, cross-entropy {ideal:.4f}"
        value, target, clock = million / timing.cpu_s, TARGETS[coder], million / timing.wall_s
        name, repetitions = f"coder_{coder}_{way}", scale.repetitions
        rows.append(Measurement(name, what, value, "Msymbol/s", target, "higher", repetitions, None, note, clock))
    return rows
