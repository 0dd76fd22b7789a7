"""Tables of runs, names, floors, and verdicts whose rules name runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thinwire.errors import PipelineError
from thinwire.figures.neural_dsc import runs, verdicts
from thinwire.figures.paths import Page


@pytest.fixture
def page(open_ndsc: Callable[[str], Page]) -> Page:
    return open_ndsc("forms")


def changed(page: Page, fake: ModuleType, folder: Path, run: str, **columns: float) -> Page:
    """A page whose one run has other numbers for its own side information."""
    for name in ("halves_d_1", "halves_s_1", "halves_d_2", "halves_s_2", "halves_d_4", "halves_s_4"):
        place = folder / "results" / name
        place.mkdir(parents=True)
        items = pd.read_parquet(page.path("results", name, "items.parquet"))
        if name == run:
            items = items.assign(**{key: items[key].where(items["si"] != "correct", value)
                                    for key, value in columns.items()})  # fmt: skip
        items.to_parquet(place / "items.parquet")
        fake.write_facts(place, name, fake.row_of(name), items)
    return replace(page, root=folder)


def test_every_run_says_what_it_is(page: Page, fake: ModuleType) -> None:
    items = runs.load(page, fake.RUNS)
    assert set(items["kind"]) == set(runs.DOMAIN_NAME)
    assert set(items["form"]) == set(runs.FORMS)
    assert set(items["si"]) == set(runs.SIDES)
    names = [runs.run_name(page, run) for run in fake.RUNS]
    assert len(set(names)) == len(names)
    assert runs.run_name(page, "halves_d_4") == "half images, distributed, 4 bit at 8x"
    assert runs.run_name(page, "bits_j") == "bits, joint, 1 bit"


def test_a_prior_is_its_codec(page: Page, tmp_path: Path, fake: ModuleType) -> None:
    place = tmp_path / "results" / "prior_mel"
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({"codec": "mel_d_8x8", "row": {"system": "neural_dsc_prior"}}))
    codec = tmp_path / "results" / "mel_d_8x8"
    codec.mkdir()
    fake.write_facts(codec, "mel_d_8x8", fake.row_of("mel_d_8x8"), fake.items("mel_d_8x8", fake.row_of("mel_d_8x8"), 3))
    other = replace(page, root=tmp_path)
    assert runs.codec_of(other, "prior_mel") == "mel_d_8x8" == runs.codec_of(other, "mel_d_8x8")
    assert runs.row_of(other, "prior_mel")["domain"] == "mel"


def test_a_run_without_results_is_named(page: Page) -> None:
    with pytest.raises(PipelineError, match="halves_d_9"):
        runs.load(page, ["halves_d_9"])


def test_differences_pair_items_after_averaging_seeds() -> None:
    one = pd.DataFrame({"segment_id": ["a", "a", "b", "c"], "psnr": [1.0, 3.0, 5.0, np.nan]})
    two = pd.DataFrame({"segment_id": ["b", "a", "c"], "psnr": [4.0, 1.5, 0.0]})
    assert runs.difference(one, two, "psnr").to_dict() == {"a": 0.5, "b": 1.0}


def test_caption_names_training_and_items(page: Page) -> None:
    assert runs.note(page, ["bits_d"], 5, "blocks").startswith("1 model, trained 80 steps of 16 items; 5 blocks;")
    assert runs.note(page, ["bits_d", "bits_j"], 5).startswith("2 models, each trained 80 steps")


def test_floor_is_held_to_own_side_information(page: Page, fake: ModuleType, tmp_path: Path) -> None:
    assert verdicts.floor_of(page, "ndsc.fig4_dist_vs_sep").ok
    assert verdicts.floor_of(page, "ndsc.complex_corr").ok
    weak = changed(page, fake, tmp_path, "halves_s_2", explained=0.3)
    found = verdicts.floor_of(weak, "ndsc.fig4_dist_vs_sep")
    assert not found.ok
    assert "halves_s_2" in found.reason
    assert verdicts.judge_named(weak, "ndsc.fig4_dist_vs_sep", []).verdict == "inconclusive"


def test_the_pair_of_half_images_is_held_to_the_floor_where_other_domains_stand_beside_it(
    page: Page, fake: ModuleType, tmp_path: Path
) -> None:
    pairs = {"half images": np.ones(20), "gradients": np.ones(20), "worn given far": np.ones(20)}
    assert verdicts.judge_pairs(page, "ndsc.complex_corr", pairs, []).verdict == "reproduced"
    weak = changed(page, fake, tmp_path, "halves_s_4", explained=0.49)
    assert verdicts.judge_pairs(weak, "ndsc.complex_corr", pairs, []).verdict == "inconclusive"


def test_named_ordering_follows_the_numbers(page: Page, fake: ModuleType, tmp_path: Path) -> None:
    assert verdicts.judge_named(page, "ndsc.fig4_dist_vs_sep", []).verdict == "reproduced"
    worse = changed(page, fake, tmp_path, "halves_d_2", psnr=5.0)
    assert verdicts.judge_named(worse, "ndsc.fig4_dist_vs_sep", []).verdict == "contradicted"


def test_a_pair_without_items_is_undecided(page: Page) -> None:
    pairs = {"half images": np.ones(20), "gradients": np.ones(20), "worn given far": np.full(3, np.nan)}
    found = verdicts.judge_pairs(page, "ndsc.complex_corr", pairs, [])
    assert found.verdict == "inconclusive"
    assert "worn given far" in found.reason


@pytest.mark.parametrize(
    ("preset", "place", "same"), [("paper", "given", True), ("paper", None, False), ("default", "given", False)]
)
def test_setting_is_the_papers_with_its_preset_and_corpus_only(
    page: Page, preset: str, place: str | None, same: bool
) -> None:
    corpora = SimpleNamespace(mnist=SimpleNamespace(root=place))
    params: Any = SimpleNamespace(preset=preset, corpora=corpora)
    assert verdicts.same_setting(replace(page, params=params), "mnist") is same


def test_what_cannot_be_decided_says_why(page: Page) -> None:
    found = verdicts.untestable(page, "ndsc.discus_integration", ["a.csv"])
    assert (found.verdict, found.evidence) == ("not_testable", ("a.csv",))
    assert "outlook" in found.reason
