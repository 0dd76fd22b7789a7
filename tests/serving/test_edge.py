"""Samples into chunks, and the gate before the enhancer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.errors import BitstreamError
from thinwire.serving.edge import Denoiser, Edge


@given(st.lists(st.integers(0, 1300), max_size=8))
def test_every_sample_is_in_one_chunk_whatever_the_pieces(pieces: list[int]) -> None:
    edge = Edge(lambda audio: audio.tobytes(), chunk_samples=500)
    x = np.arange(sum(pieces), dtype=np.float32)
    chunks = []
    for piece in np.split(x, np.cumsum(pieces)[:-1]) if pieces else []:
        chunks += edge.push(piece)
    assert all(chunk.shape == (500,) for chunk in chunks)
    last = edge.flush()
    assert edge.flush() == [] and len(last) == (x.size % 500 > 0)
    got = np.concatenate([np.empty(0, np.float32), *chunks, *last])
    assert np.array_equal(got[: x.size], x) and not got[x.size :].any()
    assert all(len(chunk) == max(400, x.size % 500) for chunk in last)


@pytest.mark.parametrize("noisy", [True, False])
def test_the_first_second_decides_for_the_whole_stream(noisy: bool) -> None:
    heard = []

    def gate(background: np.ndarray) -> bool:
        heard.append(len(background))
        return noisy

    edge = Edge(lambda audio: audio.tobytes(), Denoiser(gate, lambda audio: audio / 2), chunk_samples=20_000)
    chunks = edge.push(np.ones(40_000, np.float32)) + edge.flush()
    sent = np.concatenate([np.frombuffer(edge.code(chunk), np.float32) for chunk in chunks])
    assert heard == [16_000] and (sent == (0.5 if noisy else 1.0)).all()


def test_a_background_recorded_before_decides_in_place_of_the_first_second() -> None:
    loud, quiet = np.ones(40_000, np.float32), np.full(20_000, 0.25, np.float32)
    denoiser = Denoiser(lambda background: bool(background.max() > 0.5), lambda audio: audio / 2)
    for background, factor in ((quiet, 1.0), (loud, 0.5)):
        edge = Edge(lambda audio: audio.tobytes(), denoiser, 20_000, background)
        sent = [np.frombuffer(edge.code(chunk), np.float32) for chunk in edge.push(loud)]
        assert edge.noisy == (factor == 0.5) and (np.concatenate(sent) == factor).all()


def test_what_is_no_signal_is_refused() -> None:
    edge = Edge(lambda audio: b"")
    for wrong in (np.ones((2, 10)), np.array([np.nan])):
        with pytest.raises(BitstreamError, match="one channel"):
            edge.push(wrong)
