"""The settings that the paper prints (sections III and IV-A) beside those in use."""

from __future__ import annotations

import pandas as pd

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.tfcodec.runs import facts, reference_card
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


def of_references(page: Page) -> dict[str, float]:
    """Training settings of the reference weights that both runs began with, by their cards; without these, none."""
    first, second = (reference_card(page, run).get("training", {}) for run in ("tf_3k", "tf_3k_adv"))
    found = {"batch": first.get("batch"), "lr1": first.get("lr"), "lr_g2": second.get("lr"),
             "lr_d2": second.get("discriminator_lr")}  # fmt: skip
    return {name: float(value) for name, value in found.items() if value is not None}


def temperatures(page: Page) -> str:
    """The temperatures that the weights of the 3 kbps runs have come down to, by their cards."""
    reached = sorted(facts(page, run)["card"]["validation"]["tau"] for run in ("tf_3k", "tf_3k_conv", "tf_3k_adv"))
    return f"reached {reached[0]:.3g} to {reached[-1]:.3g}"


def own_rate_weights(page: Page) -> str:
    """Weights of the rate loss that runs have of their own, in place of the common one; empty without such runs."""
    rows = {run: row.rate_weight for run, row in page.params.runs.tfcodec.items()}
    weights = sorted({weight for weight in rows.values() if weight is not None})
    return "; ".join(
        f"{weight:g} in {', '.join(run for run, own in rows.items() if own == weight)}" for weight in weights
    )


def settings_table(page: Page) -> pd.DataFrame:
    """Every printed setting: group, name, paper, in use, what stands beside it (the setting of the reference weights'
    training; the temperature that was reached; weights that runs have of their own), and whether all of them are one.
    The end of the temperature is compared as declared.
    """
    references = of_references(page)
    beside = {name: f"reference weights {value:g}" for name, value in references.items()}
    beside["tau_end"] = temperatures(page)
    beside["rate"] = own_rate_weights(page)
    rows = []
    for group, values in in_use(page).items():
        printed = page.claims[f"tfc.{group}"].paper_value
        assert isinstance(printed, dict)
        rows += [
            (group, name, printed[name], value, beside.get(name, ""),
             _same(name, printed[name], value) and _same(name, printed[name], references.get(name, printed[name])))
            for name, value in values.items()
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=["group", "setting", "paper", "in_use", "beside", "same"])


def _same(name: str, printed: float, value: float) -> bool:
    tolerance = NEAR if name in ("hours", "epochs") else 1e-9
    return abs(value - printed) <= tolerance * abs(printed)


def judge(page: Page) -> list[Verdict]:
    """Loss weights, quantiser and training: the paper's, or not."""
    evidence = [page.evidence("tables", "settings")]
    table = settings_table(page)
    verdicts = []
    for group, values in in_use(page).items():
        rows = table[table["group"] == group]
        verdicts.append(judge_holds(page, f"tfc.{group}", values, bool(rows["same"].all()), evidence, _beside(rows)))
    return verdicts


def _beside(rows: pd.DataFrame) -> str:
    """What differs from the paper, and what the cards say of a declared end."""
    told = []
    for row in rows.to_dict("records"):
        beside = f" ({row['beside']})" if row["beside"] else ""
        if not row["same"]:
            told.append(f"{row['setting']} {row['in_use']:.3g}{beside}, not {row['paper']:g}")
        elif row["setting"] == "tau_end":
            told.append(f"tau_end {row['in_use']:g} is the declared end; {row['beside']}")
    return "; ".join(told)
