"""What the wing's pictures are made of: co-occurrence, usage, compression, training logs, speeds, talkers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.artifacts import write_json
from thinwire.figures.paths import Page
from thinwire.figures.tfcodec import (
    codebooks,
    compression,
    information,
    packets,
    phonemes,
    prediction,
    quality,
    rate_control,
    settings,
    speakers,
    speed,
)


def counts(cells: dict[tuple[str, int], int], group: int = 0) -> pd.DataFrame:
    """phonemes.parquet of one run."""
    rows = [("r", phone, group, word, count) for (phone, word), count in cells.items()]
    return pd.DataFrame(rows, columns=["run", "phone", "group", "codeword", "count"])


def test_cooccurrence_sorts_codewords_under_their_phone() -> None:
    table = phonemes.cooccurrence(
        counts({("S", 7): 3, ("A", 7): 1, ("A", 2): 5, ("A", 9): 2, ("T", 9): 1, ("SIL", 9): 50, ("SIL", 1): 9}), 0
    )
    assert list(table.index) == ["A", "S", "T"]
    assert list(table.columns) == [2, 9, 7]
    np.testing.assert_allclose(table.sum(axis=0), 1.0)
    assert table.loc["S", 7] == 0.75


@given(st.integers(2, 12), st.integers(0, 10_000))
def test_likeness_is_one_for_one_map_and_falls_with_another(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    phones = [f"p{k}" for k in range(size + 1)]
    one, two = (pd.DataFrame(rng.uniform(size=(size + 1, size + 1)), phones, phones) for _ in range(2))
    same = phonemes.likeness(one, 2.0 * one)
    assert all(value == pytest.approx(1.0) for value in same.values())
    other = phonemes.likeness(one, two)
    assert other["correlation_all"] < 1.0
    assert 0.0 <= other["cosine_all"] <= 1.0


def test_maps_are_over_the_phones_that_all_runs_have_and_over_chance() -> None:
    prior = {"A": 0.5, "S": 0.3, "T": 0.2}
    rows = [(run, phone, other, prior[other] + (phone == other) * 0.1, prior[other])
            for run, names in (("x", "AST"), ("y", "AS")) for phone in names for other in names]  # fmt: skip
    maps = pd.DataFrame(rows, columns=["run", "phone", "other", "probability", "prior"])
    assert list(phonemes.phone_maps(maps, ["x", "y"])["x"].index) == ["A", "S"]
    for table in phonemes.over_chance(maps, ["x", "y"]).values():
        np.testing.assert_allclose(table, 0.1 * np.eye(2), atol=1e-12)


def test_told_over_chance_is_the_share_of_the_phonemes_entropy() -> None:
    table = pd.DataFrame(
        {"system": "s", "run": "r", "group": [0, 1], "mutual_information_bits": [1.0, 3.0],
         "shuffled_bits": 0.5, "shuffled_max_bits": [0.6, 0.7], "phone_entropy_bits": 3.0, "steps": 100}
    )  # fmt: skip
    row = information.information_table(table).iloc[0]
    assert row["told_over_chance_percent"] == pytest.approx(50.0)
    assert row["shuffled_largest"] == 0.7
    assert information.best_group(table, "r") == 1


def test_usage_ranks_each_codebook_by_itself(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"run": "tf_3k", "group": [0, 0, 0, 1, 1], "codeword": [0, 1, 2, 0, 1],
                          "count": [1, 6, 3, 0, 4], "confidence": [0.5, 0.9, 0.7, np.nan, 0.8]})  # fmt: skip
    monkeypatch.setattr(codebooks, "tables_of", lambda *_: table.copy())
    usage = codebooks.load_usage(page, ["tf_3k"])
    assert usage["rank"].tolist() == [1, 2, 3, 1, 2]
    assert usage["codeword"].tolist() == [1, 2, 0, 1, 0]
    assert usage["share"].tolist() == pytest.approx([0.6, 0.3, 0.1, 1.0, 0.0])


def test_bursts_follow_the_closed_form() -> None:
    table = packets.burst_table(0.3, 2.0)
    spread = 100.0 * np.sqrt(table["closed_form"] / 100.0 * (1 - table["closed_form"] / 100.0) / 7500)
    assert (table["drawn"] - table["closed_form"]).abs().le(4.5 * spread + 0.02).all()
    assert table["drawn"].sum() <= 100.0 + 1e-9


def test_compression_shows_a_tone_where_it_is(page: Page) -> None:
    t = np.arange(16_000) / 16_000
    magnitude = compression._magnitude(page, np.sin(2 * np.pi * 1000 * t).astype(np.float32))
    assert magnitude.max() == pytest.approx(1.0)
    assert magnitude[:, 50].argmax() == 1000 * page.params.systems.tfcodec.spectrum.n_fft // 16_000


def test_features_are_scaled_to_one() -> None:
    values = prediction.unit(np.arange(1000.0).reshape(10, 100) - 300.0)
    assert (values.min(), values.max()) == (0.0, 1.0)
    assert np.isclose(values[5, 50], 0.5, atol=0.06)
    assert not prediction.unit(np.zeros((3, 4))).any()


def test_halves_of_a_log_are_as_long_as_each_other() -> None:
    curves = pd.DataFrame({"split": ["dev", *["train"] * 5], "step": [0, 50, 10, 20, 30, 40],
                           "power": [0.9, 0.1, 0.5, 0.4, 0.3, 0.2]})  # fmt: skip
    first, second = rate_control.power_halves(curves)
    assert (first.tolist(), second.tolist()) == ([0.5, 0.4], [0.2, 0.1])
    assert [part.tolist() for part in rate_control.same_length(first, np.array([1.0]))] == [[0.5], [1.0]]


def write_training(page: Page, run: str, curve: list[dict[str, float]], first: float) -> None:
    """A run of two own validations after 900 steps of reference weights whose card has `curve`."""
    write_json(page.root / "results" / run / "run.json", {"card": {"init": run}, "means": {"kbps_huffman": 1.2}})
    write_json(page.root / "weights" / f"{run}.json", {"steps": 900, "curve": curve})
    (page.root / "models" / run).mkdir(parents=True)
    own = pd.DataFrame({"step": [0, 40], "split": "dev", "power": [0.42, 0.41], "entropy_bits": [first, 44.0]})
    own.assign(hard_entropy_bits=own["entropy_bits"]).to_csv(
        page.root / "models" / run / "curves.tsv", sep="\t", index=False
    )


def test_own_steps_follow_the_long_training_without_its_artefact(page: Page) -> None:
    long = [{"step": step, "total": 1.0, "power": power, "entropy_bits": bits, "hard_entropy_bits": bits - 1}
            for step, power, bits in ((0, 0.46, 60.0), (900, 0.42, 45.0))]  # fmt: skip
    write_training(page, "tf_1k", long, 45.5)
    write_training(page, "tf_1k_adv", [{"step": 0, "total": 1.0}, {"step": 900, "total": 0.9}], 60.0)
    curves = rate_control.load_training(page, ["tf_1k", "tf_1k_adv"])
    drawn = curves[curves["run"] == "tf_1k"]
    assert drawn["step"].tolist() == [0, 900, 900, 940]
    # 60 bits are all that 6 groups of 1024 can have: what uniform shares give, before anything was counted
    np.testing.assert_array_equal(drawn["entropy_bits"], [np.nan, 45.0, 45.5, 44.0])
    assert drawn["power"].tolist() == [0.46, 0.42, 0.42, 0.41]
    # a card of a former version: own steps only, and said so
    former = curves[curves["run"] == "tf_1k_adv"]
    assert former["part"].tolist() == ["own", "own"] and math.isnan(former["entropy_bits"].iloc[0])
    assert rate_control.without_card(curves) == ["tf_1k_adv"]
    table = rate_control.training_table(page, curves).set_index("run")
    assert table.loc["tf_1k", ["reference_power_first", "power_last"]].tolist() == [0.46, 0.41]
    assert table.loc["tf_1k_adv", "entropy_bits_first"] == 44.0 and math.isnan(
        table.loc["tf_1k_adv", "reference_power_last"]
    )
    assert set(rate_control.load_curves(page, ["tf_1k"])["step"]) == {0, 40}  # what the rules read


def test_settings_show_what_the_cards_say(page: Page) -> None:
    card = {"training_items": 100, "steps": 40, "batch": 6}
    for run, tau in (("tf_3k", 1.81), ("tf_3k_conv", 1.84), ("tf_3k_adv", 1.805)):
        facts = {"card": card | {"init": run, "validation": {"tau": tau}}}
        write_json(page.root / "results" / run / "run.json", facts)
    found = {verdict.id: verdict for verdict in settings.judge(page)}
    assert "lr_g2" not in found["tfc.train_settings"].reason
    training = {"lr": 3e-4, "discriminator_lr": 3e-4, "batch": 4}
    write_json(page.root / "weights" / "tf_3k_adv.json", {"steps": 250, "training": training})
    table = settings.settings_table(page).set_index("setting")
    assert table.loc["lr_g2", ["in_use", "beside", "same"]].tolist() == [3e-5, "reference weights 0.0003", False]
    assert table.loc["lr_d2", "same"] and table.loc["lr1", "beside"] == ""
    assert table.loc["rate", "beside"].startswith("0.004 in tf_0k25, ") and "tf_1k_adv" in table.loc["rate", "beside"]
    assert "rate 0.0004 (0.004 in tf_0k25, " in {v.id: v for v in settings.judge(page)}["tfc.loss_weights"].reason
    assert table.loc["tau_end", ["in_use", "beside", "same"]].tolist() == [0.5, "reached 1.8 to 1.84", True]
    found = {verdict.id: verdict for verdict in settings.judge(page)}
    assert "lr_g2 3e-05 (reference weights 0.0003), not 3e-05" in found["tfc.train_settings"].reason
    assert found["tfc.quant_settings"].verdict == "within_tolerance"
    assert "tau_end 0.5 is the declared end; reached 1.8 to 1.84" in found["tfc.quant_settings"].reason


def measurement(name: str, value: float | None, target: float | None = None) -> dict[str, object]:
    return {"name": name, "value": value, "target": target, "on_clock": None, "note": "n"}


def test_speeds_stand_in_both_conventions(page: Page) -> None:
    report = {"measurements": [measurement("stream_encode", 25.0, 20.0), measurement("stream_encode_torch", 8.0),
                               measurement("opus_decode", None), measurement("train_steps_agnostic", 6.0)]}  # fmt: skip
    table = speed.speed_table(page, report)
    assert (table["times_real_time"] * table["rtf"]).dropna().to_numpy() == pytest.approx(1.0)
    assert table.loc[table["system"] == speed.PRINTED, "rtf"].round(3).tolist() == [0.244, 0.159]
    found = speed.fastest(table)
    assert found["encode"] == 25.0
    assert math.isnan(found["decode"])
    assert "train_steps_agnostic" not in " ".join(table["system"])
    # CPU time is what is judged; what the clock said stands beside it
    assert table["times_on_clock"].isna().all() and speed.clocks(table, found) == ""
    report["measurements"][0]["on_clock"] = 19.1
    table = speed.speed_table(page, report)
    assert table["times_on_clock"].dropna().tolist() == [19.1]
    assert speed.clocks(table, speed.fastest(table)) == "; times real time on the clock encode 19.1"


def talkers(correct: list[int]) -> pd.DataFrame:
    names = ["a", "a", "a", "b"]
    return pd.DataFrame(
        {"run": "tf_3k", "system": "3 kbps", "feature": "coded", "segment_id": [f"u{k}" for k in range(4)],
         "speaker": names, "silhouette": [0.1, 0.3, 0.2, 0.0], "silhouette_plane": 0.5, "probe_correct": correct}
    )  # fmt: skip


def test_talker_numbers_and_chance(page: Page) -> None:
    row = speakers.speaker_table(page, talkers([1, 1, 0, 0])).iloc[0]
    assert (row["silhouette"], row["probe_percent"], row["chance_percent"]) == pytest.approx((0.15, 50.0, 75.0))
    assert (row["talkers"], row["utterances"]) == (2, 4)
    twice = speakers.merge_numbers(*[speakers.speaker_table(page, talkers([1, 1, 0, 0]))] * 2)
    assert len(twice) == 1


def test_utterances_are_paired_over_runs() -> None:
    one, two = talkers([1, 0, 0, 0]), talkers([1, 1, 1, 1]).iloc[1:]
    table = speakers.per_utterance(pd.concat([one, two.assign(run="tf_1k")]), "coded", "probe_correct")
    assert table.index.tolist() == ["u1", "u2", "u3"]
    assert (table["tf_1k"] - table["tf_3k"]).tolist() == [1.0, 1.0, 1.0]


def test_rivals_are_compared_clip_by_clip_with_both_rates(page: Page) -> None:
    ours = {"system": "tf_1k_adv", "run": "tf_1k_adv", "label": "1 kbps", "kbps": 1.1}
    rival = {"system": "classic/opus_9", "run": "classic", "codec": "opus_9", "label": "Opus", "kbps": 9.0}
    frames = [
        pd.DataFrame({"segment_id": list("xyz"), **dict.fromkeys(quality.MEASURES, values)}).assign(**names)
        for names, values in ((ours, [2.0, 3.0, 4.0]), (rival, [1.0, 2.5, 3.0]))
    ]
    table = quality.comparison_table(page, pd.concat(frames), [("tf_1k_adv", "classic/opus_9")])
    assert table["difference"].tolist() == pytest.approx([2.5 / 3] * 4)
    assert table["rival_kbps"].tolist() == [9.0] * 4
    assert set(table["pair"]) == {"1 kbps minus Opus"}
