"""Verdicts on Table 2, on whether the entropy coder matters, and on whether Huffman coding is the fastest."""

from __future__ import annotations

import pandas as pd

from thinwire.artifacts import read_json
from thinwire.claims import Verdict
from thinwire.claims.model import NumberRule, OrderingRule
from thinwire.figures.aucom.entropy_coders import (
    HUFFMAN_TAU,
    OTHERS_TAU,
    claim_of,
    hidden_table,
    paper_tau,
    point,
    rate,
)
from thinwire.figures.aucom.runs import CODER_NAME, CODERS, TITLES, VARIANTS, score
from thinwire.figures.aucom.verdicts import NOT_THERE, STAND_IN, judge_holds, judge_pairs, judge_values, same_setting
from thinwire.figures.paths import Page
from thinwire.metrics.statistics import Interval

CODER = {name: coder for coder, name in CODER_NAME.items()}


def judge(page: Page, items: pd.DataFrame, table: pd.DataFrame) -> list[Verdict]:
    """All claims of the notebook; `items` are those of v1 to v3, `table` is `entropy_coders.table2`."""
    cells = [_cell(page, items, corpus, run) for corpus in TITLES for run in VARIANTS]
    return [*cells, _irrelevant(page, items, table), fastest(page)]


def cell(page: Page, items: pd.DataFrame, corpus: str, run: str) -> dict[str, Interval]:
    """A cell of Table 2 as the paper made it, under its claim's names."""
    value = page.claims[claim_of(corpus, run)].paper_value
    assert isinstance(value, dict)
    at = {tau: point(items, corpus, run, tau) for tau in (HUFFMAN_TAU, OTHERS_TAU)}
    found: dict[str, Interval] = {}
    for entry in value:
        who, what = entry.rsplit("_", 1)
        if what == "kbps":
            found[entry] = rate(page, at[paper_tau(who)], who)
        else:
            found[entry] = score(at[paper_tau(who)], draws=page.params.evaluation.bootstrap)
    return found


def _cell(page: Page, items: pd.DataFrame, corpus: str, run: str) -> Verdict:
    claim = page.claims[claim_of(corpus, run)]
    assert isinstance(claim.rule, NumberRule)
    assert isinstance(claim.rule.tolerance, dict)
    within = next(band for entry, band in claim.rule.tolerance.items() if not entry.endswith("_kbps"))
    evidence = [page.evidence("tables", "table2"), page.evidence("figures", "table2")]
    return judge_values(
        page, claim.id, cell(page, items, corpus, run), evidence, NOT_THERE if corpus == STAND_IN else "",
        same=same_setting(page, [corpus], within), corpora=[corpus],
    )  # fmt: skip


def over_arithmetic(items: pd.DataFrame, coder: str, tau: float) -> pd.Series:
    """1.1 times the rate of arithmetic coding minus that of a coder (kbps), on the same symbols of each test item; the
    item's rates are averaged over the versions first.
    """
    part = items[(items["tau"] == tau) & items["label"].isin(list(VARIANTS))]
    rates = part.groupby(["corpus", "segment_id"])[["kbps_arithmetic", f"kbps_{coder}"]].mean()
    return 1.1 * rates["kbps_arithmetic"] - rates[f"kbps_{coder}"]


def _irrelevant(page: Page, items: pd.DataFrame, table: pd.DataFrame) -> Verdict:
    claim = page.claims["aucom.table2_coder_irrelevant"]
    assert isinstance(claim.rule, OrderingRule)
    differences = {}
    for pair in claim.rule.pairs:
        tau, coder = pair.name.removeprefix("tau ").split(" within")[0].split(", ")
        differences[pair.name] = over_arithmetic(items, CODER[coder], float(tau))
    hidden = hidden_table(table)
    told = (
        f"Huffman over arithmetic, mean of the cells: paper {hidden['paper_percent'].mean():+.0f} % (Huffman at tau 2, "
        f"the others at tau 1), measured so {hidden['as_paper_percent'].mean():+.0f} %, both at tau 1 "
        f"{hidden['tau1_percent'].mean():+.0f} %, both at tau 2 {hidden['tau2_percent'].mean():+.0f} %; "
        f"arithmetic, range and rANS lie up to {hidden['paper_spread'].max():.2f} times apart in the paper, here "
        f"{hidden['spread'].max():.2f}"
    )
    evidence = [page.evidence("figures", "table2"), page.evidence("figures", "hidden"),
                page.evidence("tables", "equal"), page.evidence("tables", "hidden")]  # fmt: skip
    return judge_pairs(page, claim.id, differences, evidence, told)


def speed_table(page: Page) -> pd.DataFrame:
    """Symbols a second of each coder (Msymbol/s), from reports/benchmarks.json: coder, encode, decode; NaN where a part
    was not measured.
    """
    report = read_json(page.path("reports", "benchmarks.json"))
    values = {entry["name"]: entry["value"] for entry in report["measurements"]}
    rows = [
        {"coder": coder} | {way: values.get(f"coder_{coder}_{way}") for way in ("encode", "decode")} for coder in CODERS
    ]
    return pd.DataFrame(rows).astype({"encode": float, "decode": float})


def fastest(page: Page) -> Verdict:
    """Whether Huffman coding is the fastest both ways; a part that was not measured leaves that unsaid."""
    speeds = speed_table(page).set_index("coder")
    known = bool(speeds.notna().to_numpy().all())
    holds = bool((speeds.loc["huffman"] > speeds.drop(index="huffman")).to_numpy().all()) if known else None
    told = "; ".join(
        f"{CODER_NAME[str(coder)]} encodes {row['encode']:.3g} and decodes {row['decode']:.3g} Msymbol/s"
        for coder, row in speeds.iterrows()
    )
    measured = {f"{coder}_{way}": value for way, column in speeds.items() for coder, value in column.items()}
    return judge_holds(page, "aucom.huffman_fast", measured, holds, [page.evidence("tables", "speed")], told)
