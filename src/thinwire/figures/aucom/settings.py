"""The training settings that the paper prints (section 5.2) beside those in use."""

from __future__ import annotations

import pandas as pd

from thinwire.claims import Verdict
from thinwire.figures.aucom.runs import facts
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.paths import Page

CODEC, ENHANCER = "aucom_v1", "aucom_enhancer"
CLAIM = "aucom.train_settings"
NEAR = 0.05  # epochs count as the paper's within 5 %


def epochs(page: Page, run: str, item_s: float) -> float:
    """Passes of a run over its training audio, by its card."""
    card = facts(page, run)["card"]
    return float(card["hours_seen"]) * 3600.0 / (card["training_items"] * item_s)


def in_use(page: Page) -> dict[str, float]:
    """Settings of codec and enhancer under the claim's names for them; of `epochs` the smaller."""
    codec, enhancer = page.params.systems.aucom_codec, page.params.systems.aucom_enhancer
    first, second = page.params.training_of(CODEC), page.params.training_of(ENHANCER)
    corpora = page.params.corpora
    passes = epochs(page, CODEC, corpora.universal.segment_s), epochs(page, ENHANCER, corpora.voicebank.segment_s)
    return {
        "lr": first.lr,
        "batch": float(first.batch),
        "chunk_s": codec.chunk_s,
        "enh_lr": second.lr,
        "n_fft": float(enhancer.spectrum.n_fft),
        "hop": float(enhancer.spectrum.hop_length),
        "epochs": min(passes),
    }


def settings_table(page: Page) -> pd.DataFrame:
    """Every printed setting: name, paper, in use, and whether they are one."""
    printed = page.claims[CLAIM].paper_value
    assert isinstance(printed, dict)
    rows = [(name, printed[name], value, _same(name, printed[name], value)) for name, value in in_use(page).items()]
    return pd.DataFrame(rows, columns=["setting", "paper", "in_use", "same"])


def _same(name: str, printed: float, value: float) -> bool:
    return abs(value - printed) <= (NEAR if name == "epochs" else 1e-9) * abs(printed)


def judge(page: Page) -> list[Verdict]:
    """The paper's settings, or not."""
    table = settings_table(page)
    measured = dict(zip(table["setting"], table["in_use"].astype(float), strict=True))
    unlike = table[~table["same"]]
    told = "; ".join(f"{row.setting} {row.in_use:.3g}, not {row.paper:g}" for row in unlike.itertuples())
    evidence = [page.evidence("tables", "settings")]
    return [judge_holds(page, CLAIM, measured, bool(table["same"].all()), evidence, told)]
