"""Test items through a codec: what each coder needs for them, from real bytes, and the features that come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.coding.codewords import codewords
from thinwire.progress import track
from thinwire.systems.aucom.bitstream import Bitstream, Rates, as_chunks
from thinwire.systems.aucom.coder import AucomCoder
from thinwire.systems.aucom.feature_codec import FeatureNet

_AT_ONCE = 2
"""Chunks in one pass: what the convolutions make of more does not stay in the cache."""


@dataclass(frozen=True)
class Latents:
    """Items as normalised latents, before tau: r~ (C, rows, columns) of all their chunks in a row, and the frames of
    each item.
    """

    normalised: Tensor
    frames: list[int]


@dataclass(frozen=True)
class Sent:
    """Items at one operating point: symbols (C_i, rows, columns) int32 of each as its decoder has them, decoded
    features (H, L_i), and rates.
    """

    symbols: list[np.ndarray]
    decoded: list[np.ndarray]
    rates: list[Rates]


@torch.inference_mode()
def analyse(net: FeatureNet, features: Sequence[np.ndarray]) -> Latents:
    """Features (H, L) each through the encoder, once for every tau."""
    chunks = [as_chunks(one, net.chunk_frames) for one in features]
    batches = torch.from_numpy(np.concatenate(chunks)).split(_AT_ONCE)
    tables = net.normalisation.tables
    return Latents(
        torch.cat([tables.normalise(net.latent(batch)) for batch in batches]), [one.shape[1] for one in features]
    )


def send(latents: Latents, coder: AucomCoder, title: str) -> Sent:
    """Items through quantiser, entropy coders and decoder. The features are those of `coder.decode(coder.encode(f))`:
    no coder loses a symbol, so the bytes are made and counted, not read again.
    """
    rounded = _rounded(latents.normalised[:, : coder.net.rows], coder.tau)
    bitstream, symbols, rates, start = coder.bitstream, [], [], 0
    for frames in track(latents.frames, f"bytes {title}"):
        stop = start + bitstream.chunks_of(frames)
        rates.append(bitstream.rates(rounded[start:stop], frames))
        symbols.append(received(bitstream, rounded[start:stop], frames))
        start = stop
    return Sent(symbols, _decode(coder, symbols, latents.frames), rates)


def _rounded(normalised: Tensor, tau: float) -> np.ndarray:
    return torch.round(normalised / tau).to(torch.int32).numpy()


def received(bitstream: Bitstream, symbols: np.ndarray, frames: int) -> np.ndarray:
    """Symbols (C, rows, columns) as `unpack(pack(symbols, frames))` gives them: held within the tables, and with the
    last column that is sent repeated.
    """
    chunks, rows, columns = symbols.shape
    stream = bitstream.tables.clamp(symbols.swapaxes(0, 1).reshape(rows, -1)).symbols
    last = bitstream.columns_of(frames)
    stream[:, last:] = stream[:, last - 1 : last]
    return np.ascontiguousarray(stream.reshape(rows, chunks, columns).swapaxes(0, 1))


def _decode(coder: AucomCoder, symbols: Sequence[np.ndarray], frames: Sequence[int]) -> list[np.ndarray]:
    """Features (H, L) of each item, every chunk through the network once: at large tau most chunks are alike."""
    chunks = [chunk for one in symbols for chunk in one]
    names = [chunk.tobytes() for chunk in chunks]
    different = dict(zip(names, chunks, strict=True))
    batches = torch.from_numpy(np.stack(list(different.values()))).split(_AT_ONCE)
    title = f"decode tau {coder.tau:g}"
    decoded = torch.cat([coder.net.features(batch, coder.tau) for batch in track(batches, title)]).float().numpy()
    found = dict(zip(different, decoded, strict=True))
    out, rest = [], iter(names)
    for part, count in zip(symbols, frames, strict=True):
        out.append(np.concatenate([found[next(rest)] for _ in part], 1)[:, :count])
    return out


def row_totals(coder: AucomCoder, sent: Sent, frames: Sequence[int]) -> pd.DataFrame:
    """Bits of every row (the index) over all items: `entropy_bits`, ideal under its table, `huffman_bits`, of its
    codewords, of which none but a certain symbol's is below one bit, and how many `symbols`.
    """
    bitstream, tables = coder.bitstream, coder.bitstream.tables
    stream = np.concatenate(
        [
            symbols.swapaxes(0, 1).reshape(tables.rows, -1)[:, : bitstream.columns_of(count)]
            for symbols, count in zip(sent.symbols, frames, strict=True)
        ],
        axis=1,
    )
    lengths = [codewords(table)[1][row - table.low].sum() for table, row in zip(tables.tables, stream, strict=True)]
    totals = {"entropy_bits": tables.bits(stream), "huffman_bits": np.array(lengths, float), "symbols": stream.shape[1]}
    return pd.DataFrame(totals)
