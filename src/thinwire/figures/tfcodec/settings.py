"""The settings that the paper prints (sections III and IV-A) beside those in use."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.tfcodec.runs import facts
from thinwire.figures.tfcodec.verdicts import judge_holds
from thinwire.params.tfcodec import STEP_FRAMES

LOSSES = {"rate": "rate", "pred": "prediction", "adv": "adversarial", "feat": "feature", "mel": "mel"}
NEAR = 0.05  # hours and epochs count as the paper's within 5 %


def in_use(page: Page) -> dict[str, dict[str, float]]:
    """Loss weights, quantiser and training settings in use, under the claims' names for them."""
    system, corpus = page.params.systems.tfcodec, page.params.corpora.dns
    first, second = page.params.training_of("tf_3k"), page.params.training_of("tf_3k_adv")
    cards = [facts(page, run)["card"] for run in ("tf_3k", "tf_3k_adv")]
    card = cards[0]
    quantiser = system.quantiser
    return {
        "loss_weights": {name: float(getattr(system.losses, field)) for name, field in LOSSES.items()},
        "quant_settings": {
            "alpha": quantiser.alpha, "tau_start": quantiser.tau_start, "tau_end": quantiser.tau_end,
            "frames": float(STEP_FRAMES),
        },
        "train_settings": {
            "hours": card["training_items"] * corpus.segment_s / 3600.0,
            "clip_s": corpus.segment_s,
            "epochs": min(card["steps"] * card["batch"] / card["training_items"] for card in cards),
            "batch": float(first.batch),
            "lr1": first.lr,
            "lr_g2": second.lr,
            "lr_d2": second.discriminator_lr,
        },
    }  # fmt: skip


def settings_table(page: Page) -> pd.DataFrame:
    """Every printed setting: group, name, paper, in use, and whether they are one."""
    rows = []
    for group, values in in_use(page).items():
        printed = page.claims[f"tfc.{group}"].paper_value
        assert isinstance(printed, dict)
        rows += [
            (group, name, printed[name], value, _same(name, printed[name], value)) for name, value in values.items()
        ]
    return pd.DataFrame(rows, columns=["group", "setting", "paper", "in_use", "same"])


def _same(name: str, printed: float, value: float) -> bool:
    tolerance = NEAR if name in ("hours", "epochs") else 1e-9
    return abs(value - printed) <= tolerance * abs(printed)


def judge(page: Page) -> list[Verdict]:
    """Loss weights, quantiser and training: the paper's, or not."""
    evidence = [page.evidence("tables", "settings")]
    verdicts = []
    for group, values in in_use(page).items():
        printed = page.claims[f"tfc.{group}"].paper_value
        assert isinstance(printed, dict)
        verdicts.append(
            judge_holds(page, f"tfc.{group}", values, all(_same(n, printed[n], v) for n, v in values.items()), evidence,
                        _unlike(printed, values))
        )  # fmt: skip
    return verdicts


def _unlike(printed: Mapping[str, float], values: Mapping[str, float]) -> str:
    unlike = [
        f"{name} {value:.3g}, not {printed[name]:g}"
        for name, value in values.items()
        if not _same(name, printed[name], value)
    ]
    return "; ".join(unlike)
