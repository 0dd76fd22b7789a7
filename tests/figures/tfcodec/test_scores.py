"""Tables II to V and everything else that pairs test clips, against plain sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.artifacts import write_json
from thinwire.figures.paths import Page
from thinwire.figures.tfcodec import adversarial, bitrates, packets, scores, verdicts
from thinwire.figures.tfcodec.runs import run_name

TABLE5 = {
    "tf_1k": "tfc.table5_1k_noadv", "tf_1k_adv": "tfc.table5_1k_adv",
    "tf_6k": "tfc.table5_6k_noadv", "tf_6k_adv": "tfc.table5_6k_adv",
}  # fmt: skip


def items(**runs: list[float]) -> pd.DataFrame:
    """One value a clip for each run, the same in every measure; `None` was not computed."""
    rows = [(run, f"c{k}", value, value, value) for run, values in runs.items() for k, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["run", "segment_id", "pesq", "stoi", "visqol"])


def test_names_say_what_differs_from_the_plain_codec(page: Page) -> None:
    assert run_name(page, "tf_0k5") == "0.512 kbps"
    assert run_name(page, "tf_3k_conv") == "3 kbps, conv prediction"
    assert run_name(page, "tf_3k_adv_nofeat") == "3 kbps, adversarial without feature matching"
    names = [run_name(page, run) for run in page.params.runs.tfcodec]
    assert len(set(names)) == len(names)


def test_a_missed_rate_stands_beside_the_nominal_one(page: Page) -> None:
    for run, kbps in (("tf_0k25", 0.3591), ("tf_1k", 1.029), ("tf_3k_conv", 3.236)):
        write_json(page.root / "results" / run / "run.json", {"means": {"kbps_huffman": kbps}})
    names = [run_name(page, run) for run in ("tf_0k25", "tf_1k", "tf_3k_conv", "tf_6k")]
    assert names == ["0.256 kbps (measured 0.359)", "1 kbps", "3 kbps (measured 3.24), conv prediction", "6 kbps"]


def test_gains_are_over_the_first_run_of_the_same_rate(page: Page) -> None:
    table = items(tf_1k=[1.0, 2.0], tf_1k_adv=[1.5, 2.1], tf_6k=[4.0, 5.0], tf_6k_adv=[3.0, 4.8])
    found = scores.score_table(page, table, TABLE5).set_index(["run", "measure"])
    assert found.loc[("tf_1k_adv", "pesq"), "gain"] == pytest.approx(0.3)
    assert found.loc[("tf_6k_adv", "pesq"), "gain"] == pytest.approx(-0.6)
    assert found.loc[("tf_1k", "pesq"), ["gain", "paper_gain"]].isna().all()
    assert found.loc[("tf_6k_adv", "visqol"), "paper_gain"] == pytest.approx(-0.125)
    assert found.loc[("tf_1k_adv", "pesq"), "paper"] == 2.351


def test_gains_pair_the_clips_that_both_have(page: Page) -> None:
    table = items(tf_1k=[1.0, 2.0, 9.0], tf_1k_adv=[1.5, 2.5, float("nan")])
    found = scores.score_table(page, table, {"tf_1k": None, "tf_1k_adv": None}).set_index(["run", "measure"])
    assert found.loc[("tf_1k_adv", "stoi"), "gain"] == pytest.approx(0.5)
    assert found.loc[("tf_1k", "stoi"), "measured"] == pytest.approx(4.0)
    assert found["paper"].isna().all()


def test_counter_example_of_the_table_is_named(page: Page) -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(2, 0.1, 30)
    table = items(tf_1k=first, tf_1k_adv=first + 0.2, tf_6k=first, tf_6k_adv=first - 0.2)
    found = adversarial.contradiction(page, scores.score_table(page, table, TABLE5)).set_index(["system", "measure"])
    six = found.loc[("6 kbps, adversarial", "visqol")]
    assert (six["table_says"], six["measured_says"]) == ("falls", "falls")
    one = found.loc[("1 kbps, adversarial", "visqol")]
    assert (one["table_says"], one["measured_says"]) == ("rises", "rises")


def test_extremes_and_mean_over_all_steps(page: Page) -> None:
    rng = np.random.default_rng(2)
    bits = {f"c{k}": rng.integers(30, 200, size) for k, size in enumerate((10, 40, 25))}
    table = pd.DataFrame(
        [(name, value) for name, values in bits.items() for value in values], columns=["segment_id", "bits"]
    )
    per_item = table.groupby("segment_id")["bits"].agg(["max", "min", "sum", "count"])
    everything = np.concatenate(list(bits.values()))
    for name, expected in (("max", everything.max()), ("min", everything.min()), ("mean", everything.mean())):
        found = verdicts.resampled(page, per_item, name)
        assert found.mean == pytest.approx(expected)
        assert found.low <= found.mean <= found.high
    one = verdicts.resampled(page, per_item.iloc[:1], "mean")
    assert (one.low, one.high) == pytest.approx((one.mean, one.mean))


def test_deviation_is_that_of_the_rate_from_its_target(page: Page) -> None:
    table = pd.DataFrame(
        {
            "run": "tf_3k", "segment_id": ["a", "b"], "kbps_nominal": 4.0, "kbps_entropy": 3.0,
            "kbps_huffman": [3.2, 3.1], "kbps_range": [2.9, 2.8], "header_bytes": 40,
            "kbps_packets": 3.5, "kbps_packet_headers": 0.4,
        }
    )  # fmt: skip
    row = bitrates.rate_table(page, table, ["tf_3k"]).iloc[0]
    assert row["huffman_deviation_percent"] == pytest.approx(5.0)
    assert row["range_deviation_percent"] == pytest.approx(-5.0)
    assert row["paper_huffman_deviation_percent"] == pytest.approx(100 * (3.089 / 3 - 1))
    assert row["cap_bits_per_step"] == 160


@given(st.floats(0.02, 50.0), st.floats(1.15, 100.0))
def test_rate_axes_have_ticks_whatever_they_span(low: float, factor: float) -> None:
    ticks = bitrates.rate_ticks(low, low * factor)
    assert ticks == sorted(ticks)
    assert all(low <= tick <= low * factor for tick in ticks)
    if low * factor < 99.0:
        assert 1 <= len(ticks) <= 14


def test_sweeps_are_paired_by_clip_and_value() -> None:
    rows = [("rate", value, clip, 3.0 - value + k) for value in (0.0, 0.1, 0.30000000000000004, 0.5)
            for k, clip in enumerate("ab")]  # fmt: skip
    table = packets.per_clip(pd.DataFrame(rows, columns=["sweep", "value", "segment_id", "pesq"]), "rate", "pesq")
    assert (packets.at(table, 0.0) - packets.at(table, 0.3)).tolist() == pytest.approx([0.3, 0.3])
    assert packets.at(table, 0.5).tolist() == pytest.approx([2.5, 3.5])
