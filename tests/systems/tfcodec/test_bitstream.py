"""Containers and packets of indices: round trips, sizes, every kind of damage, loss, disorder and repetition."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.coding.container import Header, pack, unpack
from thinwire.errors import BitstreamError
from thinwire.systems.tfcodec import bitstream as bitstream_module
from thinwire.systems.tfcodec.bitstream import PACKET_HEADER_BYTES, Bitstream, packet_groups
from thinwire.systems.tfcodec.tables import entropy_bits, tables_of

CODERS = ["range", "huffman"]
MODEL, OTHER_MODEL = "0123456789abcdef", "fedcba9876543210"
GROUPS, CODEWORDS, STEPS = 5, 64, 12
SAMPLES = STEPS * 640 - 480
COUNTS = 4000 // (1 + (29 * np.arange(CODEWORDS) + 11 * np.arange(GROUPS)[:, None]) % 64) ** 2
TABLES = tables_of(COUNTS)
PACKET_CRC, CONTAINER_CRC = 2889199412, 558161692


def stream(groups: int = GROUPS, coder: str = "range", fingerprint: str = MODEL) -> Bitstream:
    return Bitstream((TABLES * 2)[:groups], fingerprint, 160, coder)  # type: ignore[arg-type]


def draw(groups: int = GROUPS, steps: int = STEPS, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CODEWORDS, (groups, steps))


INDICES = draw()


def resealed(body: bytes) -> bytes:
    """Bytes with a checksum that fits them, as a hostile sender would make them."""
    return body + zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize("coder", CODERS)
@given(st.integers(1, 10), st.integers(1, 12_000), st.integers(0, 99))
def test_container_round_trip(coder: str, groups: int, samples: int, seed: int) -> None:
    writer = stream(groups, coder)
    indices = draw(groups, writer.steps_of(samples), seed)
    data = writer.pack(indices, samples)
    for reader in (stream(groups, other) for other in CODERS):  # the container says which coder wrote it
        again, length = reader.unpack(data)
        assert length == samples and np.array_equal(again, indices) and again.dtype == np.int64
    assert data == writer.pack(again, samples)


@given(st.integers(1, 20_000))
def test_steps_reach_exactly_to_the_last_sample(samples: int) -> None:
    """With step S decoded, samples before 640 S - 480 are final (causal framing)."""
    steps = stream().steps_of(samples)
    assert 640 * steps - 480 >= samples > 640 * (steps - 1) - 480


@pytest.mark.parametrize("coder", CODERS)
@given(st.integers(1, 10), st.integers(0, 6), st.integers(0, 99))
def test_each_packet_opens_on_its_own(coder: str, groups: int, steps: int, seed: int) -> None:
    writer, indices = stream(groups, coder), draw(groups, steps, seed)
    packets = writer.packets(indices, first_step=70_000)
    assert len(packets) == 2 * steps
    for place, data in enumerate(packets):
        packet = stream(groups, coder).open_packet(data)
        assert (packet.step, packet.half) == (70_000 + place // 2, place % 2)
        assert np.array_equal(packet.indices, indices[packet_groups(groups)[packet.half], place // 2])


@given(st.integers(1, 40))
def test_halves_of_the_groups_are_disjoint_complete_and_nearly_equal(groups: int) -> None:
    first, second = (list(range(groups))[half] for half in packet_groups(groups))
    assert first + second == list(range(groups)) and 0 <= len(first) - len(second) <= 1


def test_bytes_are_pinned() -> None:
    """Packets and containers may not change without a new container version."""
    indices = np.arange(GROUPS * STEPS).reshape(GROUPS, STEPS) * 37 % CODEWORDS
    assert zlib.crc32(b"".join(stream().packets(indices))) == PACKET_CRC
    assert zlib.crc32(stream().pack(indices, SAMPLES)) == CONTAINER_CRC


def test_sizes_are_the_entropy_and_the_documented_headers() -> None:
    steps = 400
    indices = np.stack([np.random.default_rng(g).choice(CODEWORDS, steps, p=t.counts / 2**24)
                        for g, t in enumerate(TABLES)])  # fmt: skip
    ideal = entropy_bits(indices, TABLES)
    payload = unpack(stream().pack(indices, steps * 640 - 480))[1]
    assert payload == stream().payload(indices)
    assert ideal.sum() - 8 <= 8 * len(payload) <= 1.01 * ideal.sum() + 64
    for step, packets in enumerate(np.reshape(stream().packets(indices), (steps, 2)).tolist()):
        body = sum(len(packet) - PACKET_HEADER_BYTES for packet in packets)
        assert ideal[step] - 16 <= 8 * body <= ideal[step] + 2 * 16


@given(st.data())
def test_received_is_what_was_sent_less_what_was_lost(data: st.DataObject) -> None:
    groups, steps = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 8))
    indices = draw(groups, steps)
    lost = np.array(data.draw(st.lists(st.booleans(), min_size=2 * steps, max_size=2 * steps)))
    sent = [packet for packet, gone in zip(stream(groups).packets(indices), lost, strict=True) if not gone]
    again = data.draw(st.lists(st.sampled_from(sent), max_size=5)) if sent else []
    arrived = data.draw(st.permutations(sent + again))
    received = stream(groups).receive(arrived, steps)
    assert np.array_equal(received.lost, lost.reshape(steps, 2))
    assert (received.damaged, received.duplicates, received.beyond) == (0, len(again), 0)
    for step in range(steps):
        for half, which in enumerate(packet_groups(groups)):
            expected = np.zeros_like(indices[which, step]) if received.lost[step, half] else indices[which, step]
            assert np.array_equal(received.indices[which, step], expected)


def test_a_damaged_packet_counts_as_lost_and_its_copy_takes_its_place() -> None:
    packets = stream().packets(INDICES)
    damaged = bytearray(packets[7])
    damaged[4] ^= 1
    received = stream().receive([*packets[:7], bytes(damaged), *packets[8:]], STEPS)
    assert received.damaged == 1 and np.argwhere(received.lost).tolist() == [[3, 1]]
    received = stream().receive([bytes(damaged), *packets], STEPS)
    assert (received.damaged, received.duplicates) == (1, 0) and not received.lost.any()
    assert np.array_equal(received.indices, INDICES)


def test_packets_past_the_end_are_left_out() -> None:
    received = stream().receive(stream().packets(INDICES), STEPS - 2)
    assert received.beyond == 4 and np.array_equal(received.indices, INDICES[:, :-2])
    assert stream().receive([], 3).lost.all() and stream().receive([], 0).indices.shape == (GROUPS, 0)


@pytest.mark.parametrize("coder", CODERS)
def test_packets_of_another_model_coder_version_or_kind_do_not_open(
    coder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    packet = stream(coder=coder).packets(INDICES)[0]
    swapped = CODERS[1 - CODERS.index(coder)]
    strangers = [stream(coder=coder, fingerprint=OTHER_MODEL), stream(coder=swapped)]
    with monkeypatch.context() as patch:
        patch.setattr(bitstream_module, "VERSION", bitstream_module.VERSION + 1)
        strangers.append(stream(coder=coder))
    for reader in strangers:
        with pytest.raises(BitstreamError, match="checksum"):
            reader.open_packet(packet)
    with pytest.raises(BitstreamError):
        stream(coder=coder).open_packet(stream(coder=coder).pack(INDICES, SAMPLES))


@given(st.integers(0, 2 * STEPS - 1), st.data())
def test_up_to_two_neighbouring_damaged_bytes_are_always_noticed(which: int, data: st.DataObject) -> None:
    packet = bytearray(stream().packets(INDICES)[which])
    place = data.draw(st.integers(0, len(packet) - 2))
    flips = data.draw(st.tuples(st.integers(0, 255), st.integers(0, 255)).filter(any))
    packet[place] ^= flips[0]
    packet[place + 1] ^= flips[1]
    with pytest.raises(BitstreamError):
        stream().open_packet(bytes(packet))


@pytest.mark.parametrize("coder", CODERS)
@settings(max_examples=200)
@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_open_or_are_refused(coder: str, body: bytes, sealed: bool) -> None:
    """Also those whose checksum fits: what opens is what the encoder would have written."""
    reader = stream(coder=coder)
    data = reader._seal(body) if sealed else body
    try:
        packet = reader.open_packet(data)
    except BitstreamError as error:
        assert "\n" not in str(error)
        return
    column = np.zeros((GROUPS, 1), np.int64)
    column[packet_groups(GROUPS)[packet.half], 0] = packet.indices
    assert reader.packets(column, packet.step)[packet.half] == data


def test_a_packets_number_has_an_end() -> None:
    last = bitstream_module.MAX_PACKET_STEPS - 1
    assert stream().open_packet(stream().packets(INDICES[:, :1], last)[1]).step == last
    with pytest.raises(BitstreamError, match="start a new stream"):
        stream().packets(INDICES[:, :2], last)


@given(st.data())
def test_damaged_containers_are_refused(data: st.DataObject) -> None:
    container = stream().pack(INDICES, SAMPLES)
    damaged = bytearray(container)
    damaged[data.draw(st.integers(0, len(container) - 1))] ^= data.draw(st.integers(1, 255))
    cut = container[: data.draw(st.integers(0, len(container) - 1))]
    for bad in (bytes(damaged), cut, container + b"\0", data.draw(st.binary(max_size=60))):
        with pytest.raises(BitstreamError):
            stream().unpack(bad)


@pytest.mark.parametrize("coder", CODERS)
@settings(max_examples=150)
@given(data=st.data())
def test_containers_mutated_under_a_valid_checksum(coder: str, data: st.DataObject) -> None:
    body = bytearray(stream(coder=coder).pack(INDICES, SAMPLES)[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    mutated = resealed(bytes(body))
    try:
        indices, samples = stream().unpack(mutated)
    except BitstreamError as error:
        assert "\n" not in str(error)
        return
    assert mutated in {stream(coder=name).pack(indices, samples) for name in CODERS}


@settings(max_examples=60)
@given(
    samples=st.one_of(st.integers(0, 50_000), st.integers(1 << 28, 2**31 - 1)),
    rate=st.sampled_from([8000, 16_000]),
    sizes=st.lists(st.integers(0, 3), max_size=3),
    payload=st.binary(max_size=60),
    name=st.sampled_from(["ndpca", "tfcodec"]),
)
def test_containers_with_other_fields(samples: int, rate: int, sizes: list[int], payload: bytes, name: str) -> None:
    data = pack(Header(name, MODEL, samples, rate, tuple(sizes)), payload)
    try:
        _, length = stream().unpack(data)
    except BitstreamError:
        return
    assert (length, rate, name, len(sizes)) == (samples, 16_000, "tfcodec", 1)


def test_containers_of_another_model_or_version_are_named() -> None:
    container = stream().pack(INDICES, SAMPLES)
    with pytest.raises(BitstreamError, match="made by model 0123456789abcdef, not by fedcba9876543210"):
        stream(fingerprint=OTHER_MODEL).unpack(container)
    with pytest.raises(BitstreamError, match="version 9"):
        stream().unpack(resealed(container[:4] + b"\x09" + container[5:-4]))
    with pytest.raises(BitstreamError):
        stream(groups=GROUPS - 1).unpack(container)


@pytest.mark.parametrize("samples", [0, -1, 640 * (1 << 18), 1 << 31])
def test_lengths_that_no_container_holds(samples: int) -> None:
    with pytest.raises(BitstreamError, match="a bitstream holds 1 sample to 10485 s"):
        stream().pack(INDICES, samples)


def test_indices_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="not those of"):
        stream().pack(INDICES, SAMPLES + 1)
