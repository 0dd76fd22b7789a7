"""Live coding: any chunking gives what the whole gives; delay, losses, packets out of order, bad input, memory."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.errors import BitstreamError
from thinwire.systems.tfcodec.bitstream import Bitstream
from thinwire.systems.tfcodec.packet_stream import MAX_AHEAD, PacketDecoder, PacketEncoder
from thinwire.systems.tfcodec.streaming import StreamDecoder, StreamEncoder, TorchSteps
from thinwire.systems.tfcodec.tables import tables_of

STEP, DELAY = 640, 1120
TOLERANCE = 2e-6

chunkings = st.lists(st.one_of(st.integers(0, 700), st.sampled_from([1, 160, 640, 3000])), min_size=1, max_size=12)


@pytest.fixture(scope="module", params=["none", "conv", "adaptive"])
def steps(request, make_lively) -> TorchSteps:
    return TorchSteps(make_lively(request.param, "gumbel" if request.param == "adaptive" else "distance_gumbel"))


@pytest.fixture(scope="module")
def bitstream() -> Bitstream:
    return Bitstream(tables_of(np.ones((3, 16), np.int64)), "0123456789abcdef", 160)


def stream(steps: TorchSteps, audio: np.ndarray, cuts: list[int]) -> np.ndarray:
    encoder, bounds = StreamEncoder(steps), np.cumsum(cuts)
    pushed = [encoder.push(piece) for piece in np.split(audio, bounds[bounds < audio.size])]
    return np.concatenate([*pushed, encoder.flush()], 1)


def offline_audio(steps: TorchSteps, indices: np.ndarray, samples: int, lost: np.ndarray | None = None) -> np.ndarray:
    mask = None if lost is None else torch.from_numpy(lost)[None]
    return steps.model.decode(torch.from_numpy(indices)[None], samples, mask)[0].numpy()


@settings(max_examples=25, derandomize=True)
@given(cuts=chunkings, extra=st.integers(0, 700), seed=st.integers(0, 9))
def test_any_chunking_gives_the_offline_indices_and_audio(steps, make_noise, cuts, extra, seed):
    audio = make_noise(sum(cuts) + extra + 1, seed)
    indices = stream(steps, audio, cuts)
    assert np.array_equal(indices, steps.model.encode(torch.from_numpy(audio)[None])[0].numpy())
    decoder = StreamDecoder(steps)
    bounds = [bound for bound in np.cumsum(cuts) if bound < indices.shape[1]]
    decoded = np.concatenate([decoder.push(piece) for piece in np.split(indices, bounds, axis=1)])
    assert decoded.size == STEP * indices.shape[1] - 480 >= audio.size
    expected = offline_audio(steps, indices, audio.size)
    assert np.abs(decoded[: audio.size] - expected).max() <= TOLERANCE * max(1.0, np.abs(expected).max())


def test_the_material_uses_many_codewords(steps, make_noise):
    """What the other tests compare is not one index everywhere."""
    indices = stream(steps, make_noise(16_000, 0), [])
    assert all(len(np.unique(group)) >= 4 for group in indices)


@settings(max_examples=15, derandomize=True)
@given(data=st.data())
def test_losses_are_those_of_the_offline_decoder(steps, data):
    count = data.draw(st.integers(1, 12))
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = draw.integers(0, steps.codewords, (steps.groups, count))
    lost = draw.random((count, 2)) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    samples = STEP * count - 480
    expected = offline_audio(steps, indices, samples, lost)
    decoded = StreamDecoder(steps).push(indices, lost)
    assert np.abs(decoded - expected).max() <= TOLERANCE * max(1.0, np.abs(expected).max())


def test_concealing_a_step_is_losing_both_of_its_packets(steps):
    indices = np.random.default_rng(0).integers(0, steps.codewords, (steps.groups, 4))
    lost = np.array([[False] * 2, [True] * 2, [False] * 2, [False] * 2])
    decoder = StreamDecoder(steps)
    first, last = decoder.push(indices[:, :1]), [decoder.conceal(), decoder.push(indices[:, 2:])]
    assert np.array_equal(np.concatenate([first, *last]), StreamDecoder(steps).push(indices, lost))


def test_the_delay_is_70_ms(steps):
    """One sample at a time: no output waits longer for input than the reported delay, and one waits as long."""
    encoder, decoder, waits, given_back = StreamEncoder(steps), StreamDecoder(steps), [], 0
    for taken in range(1, 3 * DELAY + 1):
        samples = decoder.push(encoder.push(np.zeros(1, np.float32)))
        waits += [taken - place for place in range(given_back, given_back + samples.size)]
        given_back += samples.size
    assert max(waits) == DELAY == encoder.delay_samples == decoder.delay_samples


def test_an_impulse_changes_nothing_earlier_than_the_delay_allows(steps, make_noise):
    quiet, places = make_noise(8 * STEP, 3), [*range(3 * STEP, 4 * STEP, 140), 4 * STEP - 1]
    before = StreamDecoder(steps).push(stream(steps, quiet, []))
    for place in places:
        changed = np.zeros(before.size, bool)
        for height in (1e3, -1e5, 1e7, -1e9):  # the analysis window is all but zero at a step's last sample
            struck = quiet.copy()
            struck[place] += height
            changed |= StreamDecoder(steps).push(stream(steps, struck, [])) != before
        first = np.flatnonzero(changed)[0]
        assert first > place - DELAY
        # and it is heard from where its own step begins to sound, where the synthesis window is all but zero
        assert 0 < first - (place // STEP * STEP - 480) < 10


def test_flushing_ends_a_stream_and_the_next_begins_afresh(steps, make_noise):
    audio, encoder = make_noise(3000, 5), StreamEncoder(steps)
    first = np.concatenate([encoder.push(audio), encoder.flush()], 1)
    assert encoder.flush().shape == (steps.groups, 0)
    assert np.array_equal(np.concatenate([encoder.push(audio), encoder.flush()], 1), first)
    assert first.dtype == np.int64


def test_what_streams_hold_does_not_grow(steps, make_noise, bitstream):
    def held(thing: object) -> int:
        total, seen, todo = 0, set(), [thing]
        while todo:
            item = todo.pop()
            if id(item) in seen or isinstance(item, TorchSteps | Bitstream):
                continue
            seen.add(id(item))
            if isinstance(item, torch.Tensor):
                total += item.untyped_storage().nbytes()
            elif isinstance(item, np.ndarray):
                base = item if item.base is None else item.base
                total += getattr(base, "nbytes", item.nbytes)
            elif isinstance(item, list | tuple):
                todo += item
            elif isinstance(item, dict):
                todo += [*item.keys(), *item.values()]
            elif hasattr(item, "__dict__"):
                todo += vars(item).values()
            else:
                total += sys.getsizeof(item)
        return total

    encoder, decoder = PacketEncoder(steps, bitstream), PacketDecoder(steps, bitstream)
    sizes = []
    for turn in range(40):
        packets = encoder.push(make_noise(16 * STEP + 7 if turn == 3 else STEP, turn))
        decoder.push(packets)
        sizes.append((held(encoder), held(decoder)))
    assert len({size for size, _ in sizes[5:]}) == 1
    assert max(size for _, size in sizes[5:20]) == max(size for _, size in sizes[20:])


def test_packets_in_order_give_the_audio_of_the_indices(steps, make_noise, bitstream):
    audio = make_noise(5000, 1)
    encoder, decoder = PacketEncoder(steps, bitstream), PacketDecoder(steps, bitstream)
    packets = [p for piece in np.split(audio, [100, 3000]) for p in encoder.push(piece)] + encoder.flush()
    indices = stream(steps, audio, [])
    assert packets == bitstream.packets(indices)
    played = np.concatenate([decoder.push(packets[i : i + 2]) for i in range(0, len(packets), 2)])
    assert np.array_equal(played, StreamDecoder(steps).push(indices))
    with pytest.raises(BitstreamError, match="this stream has ended; make a new encoder"):
        encoder.push(audio)


@settings(max_examples=25, derandomize=True)
@given(data=st.data())
def test_early_late_doubled_and_damaged_packets(steps, bitstream, data):
    """What is there when a step is due is played; all else is concealed, and nothing raises."""
    count = 6
    indices = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 16, (steps.groups, count))
    packets, calls, lost = bitstream.packets(indices), [[] for _ in range(count)], np.ones((count, 2), bool)
    for number, packet in enumerate(packets):
        step, half = divmod(number, 2)
        for call in data.draw(st.lists(st.integers(0, count - 1), max_size=2)):
            broken = data.draw(st.booleans())
            calls[call].append(packet[:-1] + bytes([packet[-1] ^ 1]) if broken else packet)
            lost[step, half] &= broken or call > step
    decoder = PacketDecoder(steps, bitstream)
    played = np.concatenate([decoder.push(call) for call in calls])
    assert np.array_equal(played, StreamDecoder(steps).push(np.where(_known(lost, bitstream), indices, 0), lost))


def _known(lost: np.ndarray, bitstream: Bitstream) -> np.ndarray:
    """(G, S): which indices arrived."""
    known = np.zeros((len(bitstream.tables), len(lost)), bool)
    for half, groups in enumerate(bitstream.halves):
        known[groups] = ~lost[:, half]
    return known


def test_packets_far_ahead_are_not_held(steps, bitstream):
    decoder = PacketDecoder(steps, bitstream)
    far = bitstream.packets(np.ones((3, 200), np.int64), MAX_AHEAD)
    decoder.push(far)
    concealed = [decoder.push([]) for _ in range(MAX_AHEAD)]
    silent = StreamDecoder(steps)
    expected = [silent.conceal() for _ in range(MAX_AHEAD + 1)][1:]
    assert all(np.array_equal(a, b) for a, b in zip(concealed, expected, strict=True))


@pytest.mark.parametrize(
    "samples, words",
    [
        (np.zeros((2, 640), np.float32), "one channel"),
        (np.zeros(640, np.int16), "floats"),
        (np.full(640, np.nan, np.float32), "NaN"),
        (np.array([0.0, np.inf]), "NaN or infinite"),
        (np.array([0.0, 1e300]), "NaN or infinite"),  # finite, but not as float32
    ],
)
def test_bad_audio_is_refused_and_the_stream_goes_on(steps, make_noise, samples, words):
    audio, encoder = make_noise(2000, 2), StreamEncoder(steps)
    begun = encoder.push(audio[:700])
    with pytest.raises(BitstreamError, match=words):
        encoder.push(samples)
    rest = np.concatenate([begun, encoder.push(audio[700:]), encoder.flush()], 1)
    assert np.array_equal(rest, stream(steps, audio, []))


def test_another_sample_rate_is_refused(steps, bitstream):
    with pytest.raises(BitstreamError, match="24000 Hz"):
        StreamEncoder(steps, 24_000)
    with pytest.raises(BitstreamError, match="48000 Hz"):
        PacketEncoder(steps, bitstream, 48_000)


@pytest.mark.parametrize(
    "indices, lost",
    [
        (np.zeros((4, 1), np.int64), None),
        (np.zeros(3, np.int64), None),
        (np.int64(3), None),
        (np.zeros((3, 1)), None),
        (np.full((3, 1), 16), None),
        (np.full((3, 1), -1), None),
        (np.zeros((3, 2), np.int64), np.zeros((1, 2), bool)),
    ],
)
def test_indices_of_another_codec_are_refused(steps, indices, lost):
    decoder = StreamDecoder(steps)
    with pytest.raises(BitstreamError):
        decoder.push(indices, lost)
    good = np.ones((3, 2), np.int64)
    assert np.array_equal(decoder.push(good), StreamDecoder(steps).push(good))
