"""The coder around a network: chunks, audio and features, damage, what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thinwire.coding.coders import CODERS
from thinwire.errors import BitstreamError, CheckpointError
from thinwire.kaldi import fbank
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import Settings
from thinwire.systems.aucom.bitstream import as_chunks
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.coder import MOST_AT_ONCE, AucomCoder, coder_fingerprint
from thinwire.systems.aucom.normalisation import measure_tables
from thinwire.systems.aucom.tables import RowTables, count_symbols

MELS, CHUNK = 8, 100


class Means(nn.Module):
    """A stand-in for AuComNet: means of four by four values, which repeating restores."""

    n_mels, chunk_frames, columns, rows = MELS, CHUNK, CHUNK // 4, MELS // 4

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.batches: list[int] = []

    @torch.no_grad()
    def symbols(self, f: Tensor, tau: float = 1.0) -> Tensor:
        self.batches.append(len(f))
        blocks = f.unflatten(2, (-1, 4)).unflatten(1, (-1, 4)).mean((2, 4))
        return torch.round(self.gain * blocks / tau).to(torch.int32)

    @torch.no_grad()
    def features(self, symbols: Tensor, tau: float = 1.0) -> Tensor:
        blocks = symbols * tau / self.gain
        return blocks.repeat_interleave(4, 1).repeat_interleave(4, 2)


def blocky(frames: int, seed: int) -> np.ndarray:
    """Features (MELS, frames) that `Means` keeps at tau = 1: halves, constant over four mels and four frames."""
    halves = np.random.default_rng(seed).integers(-4, 5, (MELS // 4, -(-frames // 4))) / 2.0
    return halves.repeat(4, 0).repeat(4, 1)[:, :frames].astype(np.float32)


def make(tau: float = 1.0, coder: str = "huffman") -> AucomCoder:
    net = Means()
    training = torch.from_numpy(as_chunks(blocky(30 * CHUNK, 0), CHUNK))
    tables = RowTables.from_counts(count_symbols([net.symbols(training, tau).numpy()]))
    return AucomCoder(net, tables, coder_fingerprint(net, tables, tau), tau, coder)


@pytest.mark.parametrize("coder", list(CODERS))
@pytest.mark.parametrize("frames", [1, 37, 100, 101, 260])
def test_features_come_back(coder, frames):
    """The stand-in loses nothing at tau = 1, and the chunk's filling reaches no frame that was sent."""
    features = blocky(frames, 3)
    decoded = make(coder=coder).decode(make(coder=coder).encode(features))
    assert decoded.dtype == np.float32 and np.array_equal(decoded, features)


def test_a_coarser_step_costs_less_and_distorts_more():
    features = blocky(1000, 4)
    fine, coarse = make(1.0, "rans"), make(4.0, "rans")
    assert len(coarse.encode(features)) < len(fine.encode(features))
    assert np.abs(coarse.decode(coarse.encode(features)) - features).mean() > 0.1


def test_audio_is_coded_by_its_features():
    coder = make()
    audio = (0.1 * np.random.default_rng(5).standard_normal(20_000)).astype(np.float32)
    features = fbank(audio[None], MELS)[0]
    assert np.array_equal(coder.features_of(audio), features)
    assert coder.encode(audio) == coder.encode(features)
    assert coder.decode(coder.encode(audio)).shape == (MELS, 125)


def test_long_audio_goes_through_the_network_in_parts():
    coder, features = make(), blocky((MOST_AT_ONCE + 3) * CHUNK, 6)
    coder.net.batches.clear()
    assert np.array_equal(coder.decode(coder.encode(features)), features)
    assert coder.net.batches == [MOST_AT_ONCE, 3]


def test_a_stream_of_chunks_is_the_file():
    """Live, every chunk is a container of its own; together they mean what one container of all means."""
    coder, features = make(coder="range"), blocky(3 * CHUNK - 20, 7)
    parts = [coder.encode(features[:, start : start + CHUNK]) for start in range(0, features.shape[1], CHUNK)]
    assert np.array_equal(np.concatenate([coder.decode(part) for part in parts], 1), features)
    assert sum(map(len, parts)) > len(coder.encode(features))


def test_rates_are_of_what_is_encoded():
    coder, features = make(coder="arithmetic"), blocky(500, 8)
    rates = coder.rates(features)
    assert len(coder.encode(features)) == rates.header_bytes + round(rates.arithmetic * 1000 * 5 / 8)
    assert rates.symbols == 2 * 125 and rates.clamped == 0


def test_the_fingerprint_names_weights_tables_tau_and_further_arrays():
    net, tables = Means(), make().bitstream.tables
    other = make(2.0).bitstream.tables
    names = {
        coder_fingerprint(net, tables, 1.0),
        coder_fingerprint(net, tables, 2.0),
        coder_fingerprint(net, other, 1.0),
        coder_fingerprint(net, tables, 1.0, np.ones(3)),
    }
    net.gain.data += 1.0
    names.add(coder_fingerprint(net, tables, 1.0))
    assert len(names) == 5


def test_bytes_of_another_tau_are_refused():
    with pytest.raises(BitstreamError, match="made by model"):
        make(2.0).decode(make(1.0).encode(blocky(50, 1)))


def test_wrong_use_is_named():
    coder = make()
    with pytest.raises(BitstreamError, match="8000 Hz"):
        coder.encode(np.zeros(9000, np.float32), 8000)
    for audio in (np.zeros(399, np.float32), np.zeros(0, np.float32), np.zeros((1, 2, 3), np.float32)):
        with pytest.raises(BitstreamError, match="one channel"):
            coder.encode(audio)
    with pytest.raises(BitstreamError, match=r"must be \(8, frames\)"):
        coder.encode(np.zeros((9, 50), np.float32))
    with pytest.raises(BitstreamError, match="NaN"):
        coder.encode(np.full(1000, np.nan, np.float32))
    tables = coder.bitstream.tables
    with pytest.raises(CheckpointError, match="1 rows do not fit the network's 2"):
        AucomCoder(coder.net, RowTables(tables.tables[:1]), "0" * 16, 1.0)
    with pytest.raises(ValueError, match="tau"):
        AucomCoder(coder.net, tables, "0" * 16, 0.0)


def test_aucomnet_is_coded_as_its_symbols_say():
    torch.manual_seed(0)
    net = AuComNet(Settings(channels=4), AucomRow(after="-", steps=1)).eval()
    noise = np.random.default_rng(0).standard_normal((6, 5 * 16_000)).astype(np.float32)
    chunks = torch.from_numpy(fbank(0.1 * noise))
    net.fit_statistics(chunks)
    with torch.no_grad():
        scale = measure_tables([net.as_rows(net.encode_latent(chunks))])
    net.normalisation.attach(scale.mu, scale.sigma)
    symbols = net.symbols(chunks, 2.0)
    tables = RowTables.from_counts(count_symbols([symbols.numpy()]))
    coder = AucomCoder(net, tables, coder_fingerprint(net, tables, 2.0, scale.mu.numpy(), scale.sigma.numpy()), 2.0)
    decoded = coder.decode(coder.encode(0.1 * noise[0]))
    assert np.allclose(decoded, net.features(symbols[:1], 2.0)[0].numpy(), atol=1e-4)
