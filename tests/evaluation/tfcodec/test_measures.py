"""The measures on latents, talkers, phones and packets, held against closed forms and independent programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score
from tiny_workspace import inside

from thinwire.evaluation.tfcodec import packets, phonemes, speakers
from thinwire.evaluation.tfcodec.common import Bench, Clips, load_clips, set_up, spread
from thinwire.evaluation.tfcodec.latents import (
    channel_correlation,
    frame_correlation,
    hoyer,
    packet_energy,
    resemblance,
)
from thinwire.evaluation.tfcodec.phonemes import Cooccurrence, mutual_information, phone_map

RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def conv(bench_folder: Path) -> Bench:
    with inside(bench_folder) as params:
        return set_up(params, "conv")


@pytest.fixture(scope="module")
def clips(bench_folder: Path) -> Clips:
    with inside(bench_folder) as params:
        return load_clips(params.evaluation.tfcodec, "dns")


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70))
@settings(deadline=None, max_examples=40)
def test_smaller_subsets_are_part_of_larger_ones(size: int, one: int, two: int) -> None:
    assert sorted(spread(size)) == list(range(size))
    small, large = sorted((one, two))
    assert set(spread(size)[:small]) <= set(spread(size)[:large])


def test_frame_correlation_is_pearson() -> None:
    z = RNG.standard_normal((2, 9, 12))
    for lag in (1, 4):
        by_hand = [np.mean([np.corrcoef(item[:, t], item[:, t + lag])[0, 1] for t in range(12 - lag)]) for item in z]
        assert frame_correlation(torch.from_numpy(z), lag).numpy() == pytest.approx(by_hand)
    still = torch.from_numpy(np.repeat(z[:, :, :1], 12, axis=2))
    assert frame_correlation(still).numpy() == pytest.approx(1.0)


def test_channel_correlation_of_known_processes() -> None:
    noise = RNG.standard_normal((1, 3, 20_000))
    smooth = np.zeros_like(noise)
    for t in range(1, noise.shape[2]):
        smooth[:, :, t] = 0.8 * smooth[:, :, t - 1] + noise[:, :, t]
    assert channel_correlation(torch.from_numpy(smooth)).item() == pytest.approx(0.8, abs=0.02)
    assert channel_correlation(torch.from_numpy(noise)).item() == pytest.approx(0.0, abs=0.02)


def test_hoyer_runs_from_equal_to_alone() -> None:
    alone = torch.zeros(1, 16, 3)
    alone[:, 5] = -2.0
    assert hoyer(alone).item() == pytest.approx(1.0)
    assert hoyer(torch.ones(1, 16, 3)).item() == pytest.approx(0.0)
    alone[:, 6] = 2.0
    assert hoyer(alone).item() == pytest.approx((4 - 2**0.5) / 3)


def test_resemblance_ignores_scale_and_offset() -> None:
    a = torch.from_numpy(RNG.standard_normal((2, 4, 50)))
    assert resemblance(a, 3.0 * a + 5.0).numpy() == pytest.approx(1.0)
    assert resemblance(a, -a).numpy() == pytest.approx(-1.0)


def test_packet_energy_is_what_masking_removes(conv: Bench) -> None:
    latent = torch.from_numpy(RNG.standard_normal((1, 12, 8)).astype(np.float32))
    energy = packet_energy(conv.model, latent)[0]
    first = conv.model.first_packet
    for half, channels in enumerate((first, 12 - first)):
        lost = torch.zeros(1, 2, 2, dtype=torch.bool)
        lost[0, 1, half] = True
        removed = (latent - conv.model.mask(latent, lost)).square().sum() / (channels * 4)
        assert energy[1, half].item() == pytest.approx(removed.item(), rel=1e-5)


def cluster(talkers: int, utterances: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    centres = apart * RNG.standard_normal((talkers, 6))
    points = np.repeat(centres, utterances, axis=0) + RNG.standard_normal((talkers * utterances, 6))
    return speakers.standardise(points), np.repeat([f"t{i}" for i in range(talkers)], utterances)


def test_talkers_are_named_where_they_lie_apart() -> None:
    points, labels = cluster(5, 8, 20.0)
    assert speakers.probe(points, labels, 1).mean() == 1.0 and speakers.silhouette(points, labels).mean() > 0.7
    points, labels = cluster(5, 20, 0.0)
    assert speakers.probe(points, labels, 1).mean() < 0.45 and speakers.silhouette(points, labels).mean() < 0.05


def test_the_plane_is_the_same_twice_and_survives_one_point() -> None:
    points, _ = cluster(3, 5, 5.0)
    np.testing.assert_array_equal(speakers.tsne(points, 3), speakers.tsne(points, 3))
    assert not speakers.tsne(speakers.standardise(np.ones((9, 4))), 3).any()


def test_talker_table(results: Path) -> None:
    for run, features in {"plain": {"coded", "codes"}, "conv": {"encoder", "coded", "codes"}}.items():
        table = pd.read_parquet(results / run / "speakers.parquet")
        assert set(table["feature"]) == features and len(table) == 9 * len(features)
        assert set(table["speaker"]) == {"eval0", "eval1", "eval2"}
        assert table.groupby("feature")["segment_id"].nunique().eq(9).all()
        pooled = np.load(results / run / "embeddings.npz")
        assert all(pooled[feature].shape == (9, 12) for feature in features)


def test_mutual_information_is_sklearns() -> None:
    phones, codes = RNG.integers(0, 5, 400), RNG.integers(0, 7, 400)
    counts = np.zeros((5, 7))
    np.add.at(counts, (phones, codes), 1)
    assert mutual_information(counts) == pytest.approx(mutual_info_score(phones, codes) / np.log(2))
    assert mutual_information(np.eye(8)) == pytest.approx(3.0)


def invented(labels: np.ndarray, indices: np.ndarray, phones: list[str], codewords: int) -> Cooccurrence:
    return Cooccurrence(phones, labels, indices, np.arange(len(labels)) // 10, codewords)


def test_map_of_perfect_and_of_empty_codes() -> None:
    labels = np.tile(np.arange(4), 60)
    perfect = invented(labels, (labels * 2)[None], ["A", "B", "C", "D"], 8)
    np.testing.assert_allclose(phone_map(perfect), np.eye(4), atol=1e-12)
    empty = invented(labels, np.zeros((1, 240), int), ["A", "B", "C", "D"], 8)
    np.testing.assert_allclose(phone_map(empty), 0.25, atol=0.01)
    # Codewords that occur once tell nothing of their phone.
    lonely = invented(labels, np.arange(240)[None], ["A", "B", "C", "D"], 240)
    np.testing.assert_allclose(phone_map(lonely), 0.25, atol=0.01)


def test_silence_is_left_out_and_counts_are_counts() -> None:
    found = invented(np.array([0, 1, 2, 1, 0, 2]), np.array([[3, 1, 2, 1, 0, 2]]), ["AA", "S", "SIL"], 4)
    counts = found.counts()
    assert counts.shape == (1, 3, 4) and counts[0, 1, 1] == 2 and counts.sum() == 6
    speech = found.speech()
    assert speech.phones == ["AA", "S"] and list(speech.labels) == [0, 1, 1, 0]
    assert list(speech.indices[0]) == [3, 1, 1, 0]


def test_phoneme_tables(results: Path) -> None:
    folder = results / "plain"
    cells = pd.read_parquet(folder / "phonemes.parquet")
    assert (cells.groupby("group")["count"].sum() == 6 * 20).all() and (cells["count"] > 0).all()
    assert "SIL" in set(cells["phone"])
    information = pd.read_parquet(folder / "phoneme_information.parquet")
    spoken = cells[cells["phone"] != "SIL"]
    assert (information["steps"] == spoken.groupby("group")["count"].sum().to_numpy()).all()
    assert (information["shuffled_bits"] <= information["shuffled_max_bits"]).all()
    pairs = pd.read_parquet(folder / "phoneme_map.parquet")
    assert pairs.groupby("phone")["probability"].sum().to_numpy() == pytest.approx(1.0)
    assert pairs.groupby("phone")["prior"].sum().to_numpy() == pytest.approx(1.0)
    owned = pd.read_parquet(folder / "phoneme_allocation.parquet")
    assert owned["codewords"].sum() == len(spoken[["group", "codeword"]].drop_duplicates())


def test_phones_are_heard_in_the_middle_of_a_steps_windows() -> None:
    # Step s is frames 4 s to 4 s + 3; frame t sees [160 t - 480, 160 t + 160), and a label [640 s, 640 (s + 1)).
    centres = [160 * t - 160 for t in range(4)]
    assert 320 - round(16_000 * phonemes.LAG_S) == np.mean(centres)


@pytest.mark.parametrize("burst_ms", [40, 120, 240])
def test_bursts_have_one_length_and_one_total(conv: Bench, clips: Clips, burst_ms: int) -> None:
    lost = packets.burst_condition(conv, clips, 31, burst_ms).lost
    assert (lost[:, :, 0] == lost[:, :, 1]).all() and (lost[:, :, 0].sum(1) == 6).all()
    for row in lost[:, :, 0]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
        assert set(edges[1::2] - edges[::2]) == {burst_ms // 40}
    assert len({row.tobytes() for row in lost}) > 1
    np.testing.assert_array_equal(lost, packets.burst_condition(conv, clips, 31, burst_ms).lost)


def test_energy_conditions_drop_the_least_and_the_most(conv: Bench, clips: Clips) -> None:
    indices = RNG.integers(0, 16, (len(clips), 4, 31))
    energy = packet_energy(conv.model, conv.model.quantiser.decode(torch.from_numpy(indices))).detach().numpy()
    conditions = {one.value: one.lost for one in packets.energy_conditions(conv, clips, indices)}
    assert {lost.sum((1, 2)).tolist()[0] for lost in conditions.values()} == {6}
    for value, sign in ((-1.0, 1.0), (1.0, -1.0)):
        lost, kept = (np.where(mask, sign * energy, np.nan) for mask in (conditions[value], ~conditions[value]))
        assert (np.nanmax(lost, (1, 2)) <= np.nanmin(kept, (1, 2))).all()


def test_packet_table(results: Path, clips: Clips) -> None:
    table = pd.read_parquet(results / "conv" / "packets.parquet")
    assert {name: sorted(part["value"].unique()) for name, part in table.groupby("sweep")} == {
        "rate": [0.0, 0.3], "burst": [0.0, 40.0, 120.0], "energy": [-1.0, 0.0, 0.5, 1.0],
    }  # fmt: skip
    assert (table.groupby(["sweep", "value"])["segment_id"].nunique() == 2).all()
    items = pd.read_parquet(results / "conv" / "items.parquet").set_index("segment_id")
    nothing = table[table["value"] == 0.0]
    assert (nothing["lost_share"] == 0).all() and len(nothing) == 6
    assert nothing["stoi"].to_numpy() == pytest.approx(items["stoi"][nothing["segment_id"]].to_numpy(), abs=1e-6)
    burst = table[(table["sweep"] == "burst") & (table["value"] > 0)]
    assert burst["lost_share"].to_numpy() == pytest.approx(6 / 31)
    assert (table[table["value"] != 0.0]["stoi"] < 0.999).all()
