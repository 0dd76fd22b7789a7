"""What every notebook of the wing asks of its results: names, colours and marks of forms, domains and kinds of side
information, the items of codecs, the rates of priors, and what both were compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from thinwire.artifacts import read_json
from thinwire.figures.aucom.runs import load as load_items
from thinwire.figures.aucom.runs import tables_of
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, read_table
from thinwire.figures.style import GREY
from thinwire.figures.tfcodec.runs import facts, interval_of
from thinwire.metrics.statistics import Interval, bootstrap_mean

__all__ = [
    "COMPARED", "DOMAIN_NAME", "FORMS", "FORM_NAME", "MEASURE_NAME", "SIDES", "SIDE_NAME", "codec_of", "compared",
    "difference", "domain_style", "facts", "form_style", "gain", "interval_of", "item_values", "kind_of", "limits",
    "load", "mean_of", "means", "note", "own", "rates", "row_of", "run_name", "side_style",
]  # fmt: skip
COMPARED = "neural_dsc_compared"
"""Folder in results/ of what the learned coders are compared with."""
FORMS = ("joint", "distributed", "separate")
FORM_NAME = {
    "joint": "joint (both know y)",
    "distributed": "distributed (the decoder knows y)",
    "separate": "separate (nobody knows y)",
}
# Okabe and Ito's palette; black is the joint bound, as everywhere in the workbook.
FORM_LOOK: dict[str, dict[str, Any]] = {
    "joint": {"color": "#000000", "marker": "s", "linestyle": "--"},
    "distributed": {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    "separate": {"color": "#D55E00", "marker": "^", "linestyle": "-."},
}
DOMAIN_NAME = {
    "mel": "speech, mel",
    "stft": "speech, complex STFT",
    "close": "worn microphone given a far one",
    "stereo": "stereo pairs",
    "halves": "half images",
    "gradients": "gradients",
    "bits": "bits",
}
DOMAIN_LOOK: dict[str, dict[str, Any]] = {
    "mel": {"color": "#0072B2", "marker": "o"},
    "stft": {"color": "#56B4E9", "marker": "D"},
    "close": {"color": "#009E73", "marker": "v"},
    "stereo": {"color": "#D55E00", "marker": "s"},
    "halves": {"color": "#E69F00", "marker": "^"},
    "gradients": {"color": "#CC79A7", "marker": "P"},
    "bits": {"color": "#000000", "marker": "X"},
}
SIDES = ("correct", "wrong", "random", "absent")
SIDE_NAME = {"correct": "its own", "wrong": "another item's", "random": "random", "absent": "none"}
SIDE_LOOK: dict[str, dict[str, Any]] = {
    "correct": {"color": "#0072B2", "marker": "o"},
    "wrong": {"color": "#D55E00", "marker": "X"},
    "random": {"color": "#CC79A7", "marker": "D"},
    "absent": {"color": GREY, "marker": "s"},
}
MEASURE_NAME = {
    "psnr": "PSNR (dB)", "mse": "mean squared error", "explained": "explained variance (1)", "ms_ssim": "MS-SSIM (1)",
    "sse": "summed squared error", "block_error": "block error rate (1)", "lsd": "log-spectral distance (dB)",
    "stoi": "STOI (1)", "pesq": "PESQ-wb (MOS-LQO)", "si_sdr": "SI-SDR (dB)", "level_db": "level (dB)",
    "bpp": "rate (bit per pixel)", "kbps": "rate (kbit/s)", "payload_bits": "payload (bit)",
}  # fmt: skip


def row_of(page: Page, run: str) -> dict[str, Any]:
    """The row of `params.yaml` that a run was evaluated with, by its run.json; a prior's is that of its codec."""
    told = facts(page, run)
    return row_of(page, told["codec"]) if "codec" in told else dict(told["row"])


def codec_of(page: Page, run: str) -> str:
    """The codec of a prior's run; a codec's own name."""
    return str(facts(page, run).get("codec", run))


def kind_of(row: Mapping[str, Any]) -> str:
    """What `DOMAIN_NAME` calls a row's items: its domain, or `close` for a worn microphone given a far one."""
    return "close" if row["domain"] in ("mel", "stft") and row["pair"] == "close" else str(row["domain"])


def load(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """items.parquet of the named codecs in one table, with columns kind (a key of `DOMAIN_NAME`), form, bits (of a
    code) and downsample of their rows. Raises PipelineError for a run that was not evaluated.
    """
    items = load_items(page, runs)
    rows = {run: row_of(page, run) for run in runs}
    said = {run: {"kind": kind_of(row), **{name: row[name] for name in ("form", "bits", "downsample")}}
            for run, row in rows.items()}  # fmt: skip
    return items.join(pd.DataFrame.from_dict(said, orient="index"), on="run")


def own(items: pd.DataFrame) -> pd.DataFrame:
    """The rows decoded with the items' own side information."""
    return items[items["si"] == "correct"]


def rates(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """rates.parquet of the named priors in one table."""
    return tables_of(page, runs, "rates")


def compared(page: Page, table: str) -> pd.DataFrame:
    """A table of what the learned coders are compared with: toy, delbo, flipped, gradients, federated."""
    found = read_table(page, COMPARED, table)
    return found.astype(dict.fromkeys(found.select_dtypes("string").columns, object))


def limits(page: Page) -> dict[str, Any]:
    """compared.json: fewest_messages by form, entropies of the 3-bit example, slepian_wolf_limit."""
    return dict(read_json(page.path("results", COMPARED, "compared.json")))


def item_values(rows: pd.DataFrame, measure: str) -> pd.Series:
    """A measure of one run and kind of side information, one value a test item (index `segment_id`); seeds are
    averaged, items without a value left out.
    """
    return rows.dropna(subset=[measure]).groupby("segment_id")[measure].mean().sort_index()


def difference(first: pd.DataFrame, second: pd.DataFrame, measure: str) -> pd.Series:
    """`first` minus `second` over the test items that both have."""
    return (item_values(first, measure) - item_values(second, measure)).dropna()


def gain(items: pd.DataFrame, better: str, worse: str, measure: str = "psnr") -> pd.Series:
    """One run's measure minus another's, each with its items' own side information, item by item."""
    rows = own(items)
    return difference(rows[rows["run"] == better], rows[rows["run"] == worse], measure)


def mean_of(page: Page, values: pd.Series | np.ndarray) -> Interval:
    """Mean of one value an item with its 95 % bootstrap interval."""
    return bootstrap_mean(np.asarray(values, np.float64), SEED, page.params.evaluation.bootstrap)


def means(page: Page, items: pd.DataFrame, by: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """Means over test items with 95 % intervals for each value of `by`: by..., measure, mean, low, high, n. Measures
    that no item of a group has are left out.
    """
    rows = []
    for key, group in items.groupby(list(by), sort=False, dropna=False):
        for measure in measures:
            found = interval_of(page, group, measure)
            if found.items:
                rows.append((*key, measure, found.mean, found.low, found.high, found.items))
    return pd.DataFrame(rows, columns=[*by, "measure", "mean", "low", "high", "n"])


def form_style(form: str) -> dict[str, Any]:
    """Colour, marker and line of a form, as keywords of `Axes.plot`."""
    return dict(FORM_LOOK[form])


def domain_style(kind: str) -> dict[str, Any]:
    """Colour and marker of a domain (a key of `DOMAIN_NAME`)."""
    return dict(DOMAIN_LOOK[kind])


def side_style(kind: str) -> dict[str, Any]:
    """Colour and marker of a kind of side information."""
    return dict(SIDE_LOOK[kind])


def run_name(page: Page, run: str) -> str:
    """How legends and tables call a run: what it codes, its form, and how: `half images, distributed, 4 bit at 8x`."""
    row = row_of(page, run)
    size = "" if row["domain"] in ("gradients", "bits") else f" at {row['downsample']}x"
    return f"{DOMAIN_NAME[kind_of(row)]}, {row['form']}, {row['bits']} bit{size}"


def note(page: Page, runs: Sequence[str], items: int, what: str = "unseen test items") -> str:
    """The sentence that captions end with: how much training the models had, and what they were tested on."""
    cards = [facts(page, run)["card"] for run in runs]
    steps, batch = (sorted({int(card[name]) for card in cards}) for name in ("steps", "batch"))
    models = "1 model, trained" if len(cards) == 1 else f"{len(cards)} models, each trained"
    before = sorted({int(card["init_steps"]) for card in cards} - {0})
    weights = f" (reference weights had {_span(before)} steps before)" if before else ""
    trained = f"{models} {_span(steps)} steps of {_span(batch)} items{weights}"
    return f"{trained}; {items} {what}; preset {page.params.preset}."


def _span(values: Sequence[int]) -> str:
    return f"{values[0]}" if len(values) == 1 else f"{values[0]} to {values[-1]}"
