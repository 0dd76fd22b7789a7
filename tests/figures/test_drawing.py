"""Figures: equal bytes, readable axes, and what they show of the instantiated modules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from thinwire.figures import allocation, bits, capacity, listen, parts, room, style
from thinwire.params import load_params


@pytest.fixture(autouse=True)
def _style() -> None:
    plt.switch_backend("agg")
    style.use_style()


def test_equal_figures_have_equal_bytes(tmp_path) -> None:
    def draw(name: str) -> bytes:
        fig, axes = plt.subplots()
        axes.plot([1, 2, 3])
        style.caption(fig, "a caption " * 40)
        return style.save(fig, tmp_path / name).read_bytes()

    before = plt.get_fignums()
    first, second = draw("a.png"), draw("b.png")
    assert first == second
    assert b"Software" not in first
    assert plt.get_fignums() == before  # saved figures are closed


def test_bandwidth_axis_names_what_has_room() -> None:
    _, axes = plt.subplots()
    axes.plot([2, 128], [0, 1])
    style.bandwidth_axis(axes, [2, 4, 8, 12, 16, 96])
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8", "", "16", "96"]
    assert "floats/s" in axes.get_xlabel()
    plt.close("all")


def test_architectures_have_their_own_colours() -> None:
    colours = {arch: style.system_style(arch, "ndpca")["color"] for arch in ("E1D1", "E2D1", "E4D1")}
    assert colours["E1D1"] == "#000000"
    assert len(set(colours.values())) == 3
    lines = {style.system_style("E4D1", name)["linestyle"] for name in style.BOTTLENECK_LINE}
    assert len(lines) == len(style.BOTTLENECK_LINE)


def test_quantiser_lies_a_quarter_bit_above_the_bound() -> None:
    rates = capacity.quantiser_rates(seed=1)
    high = rates[rates["bits"] >= 3]
    assert high["gap"].sub(capacity.HIGH_RATE_GAP).abs().max() < 0.01
    assert (rates["gap_middle"] >= rates["gap"]).all()


def test_players_order_versions_and_match_loudness() -> None:
    names = ["enhanced", "m128", "m4", "noisy", "clean", "m16"]
    assert sorted(names, key=listen._order) == ["clean", "noisy", "m4", "m16", "m128", "enhanced"]
    t = np.arange(16_000) / 16_000
    quiet = listen.same_loudness(0.001 * np.sin(2 * np.pi * 200 * t))
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(listen.LOUDNESS)
    assert not listen.same_loudness(np.zeros(100)).any()
    click = np.zeros(16_000)
    click[5] = 0.5
    assert np.abs(listen.same_loudness(click)).max() <= 0.99
    assert listen.players({"s": {"clean": quiet, "m4": quiet}}).data.count("<audio") == 2


def test_a_long_name_stays_within_its_figure() -> None:
    name = "book_00046_chp_0001_reader_09064_0_seg_1_002"
    t = np.arange(16_000) / 16_000
    fig = listen.draw_versions({name: {"clean": np.sin(2 * np.pi * 200 * t), "m4": 0.1 * np.cos(t)}}, "a note " * 20)
    fig.canvas.draw()
    label, foot = (text.get_window_extent() for text in (fig.axes[0].yaxis.label, fig._supxlabel))
    assert fig.axes[0].get_ylabel().replace("\n", "").startswith(name)
    assert label.x0 >= 0 and foot.y1 <= label.y0 and label.y1 <= fig.bbox.y1
    plt.close(fig)


def test_schemes_are_compared_at_equal_payloads() -> None:
    # PSNR grows by 1 dB a doubling in both; the second scheme spends twice the bits for the same targets.
    rows = [
        (scheme, target, "a", factor * target, 20.0 + np.log2(target))
        for scheme, factor in (("ndpca", 1.0), ("full_latent", 2.0))
        for target in (1.0, 2.0, 4.0, 8.0)
    ]
    table = pd.DataFrame(rows, columns=["scheme", "kbps_target", "segment_id", "bits_payload", "psnr_magnitude"])
    scores = bits.at_equal_rates(table)
    assert (scores["ndpca"] - scores["full_latent"]).to_numpy() == pytest.approx([1.0])


def test_parts_are_those_of_the_modules(root) -> None:
    params = load_params(root / "params.yaml")
    described = {
        arch: parts.describe(params, run)
        for arch, run in {"E1D1": "e1_aware", "E2D1": "e2_ndpca_aware", "E4D1": "e4_ndpca_aware"}.items()
    }
    for arch, found in described.items():
        encoders = [part for part in found if part.role == "encoder"]
        assert len(encoders) == parts.encoders_of(arch)
        decoder = next(part for part in found if part.role == "decoder")
        assert int(decoder.in_shape) == sum(int(part.out_shape) for part in encoders)
    totals = [sum(part.parameters for part in found) for found in described.values()]
    assert max(totals) <= 1.1 * min(totals)


def test_unknown_geometry_and_snr_are_said() -> None:
    scene = room.Scene("S02", "eval", None, ["U01.CH1"], "a real recording: no geometry is known")
    text = room.draw_room(scene).axes[0].texts[0].get_text()
    assert "no geometry is known" in text
    blind = pd.DataFrame({"m": 4, "segment_id": "a", "source": ["x", "y"], "components": [3, 1], "snr_db": np.nan})
    split = allocation.Allocation("run", blind, blind, ["x", "y"], 8, "")
    ranks = allocation.share_by_snr(split, 100)
    assert ranks.empty
    assert "not known" in allocation.draw_snr(split, ranks).axes[0].texts[0].get_text()
    plt.close("all")


def test_share_by_snr_sees_who_gets_more() -> None:
    scenes = pd.DataFrame(
        [(4, f"s{k}", s, c, snr) for k in range(5) for s, c, snr in (("x", 3, 10.0), ("y", 1, 0.0), ("z", 2, 5.0))],
        columns=["m", "segment_id", "source", "components", "snr_db"],
    )
    ranks = allocation.share_by_snr(allocation.Allocation("run", scenes, scenes, ["x", "y", "z"], 8, ""), 100)
    assert ranks.loc[0, "share_rank_1"] == pytest.approx(0.5)
    assert ranks.loc[0, "spearman"] == pytest.approx(1.0)
