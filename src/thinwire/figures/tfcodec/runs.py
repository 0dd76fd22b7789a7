"""What every notebook of the wing asks of a run: its name and colour, its tables, and how much training it had."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from thinwire.artifacts import read_json
from thinwire.figures.listen import load_audio
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, read_table, trained
from thinwire.metrics.statistics import Interval, bootstrap_mean

# Plasma, dark to light with the rate; markers say the same without colour.
RATE_COLOUR = {0.256: "#0d0887", 0.512: "#7201a8", 1.0: "#bc3587", 3.0: "#e76e5b", 6.0: "#fca636"}
RATE_MARK = {0.256: "v", 0.512: "D", 1.0: "s", 3.0: "o", 6.0: "^"}
OTHER = ("#000000", "P")
METRIC_NAME = {
    "pesq": "PESQ-wb (MOS-LQO)",
    "stoi": "STOI (1)",
    "visqol": "ViSQOL speech (MOS-LQO)",
    "plcmos": "PLCMOS (MOS)",
    "lsd": "log-spectral distance (dB)",
    "lsd_4_8k": "log-spectral distance 4-8 kHz (dB)",
    "si_sdr": "SI-SDR (dB)",
}


RATE_HELD = 0.03
"""A rate further than this from the nominal one stands beside it, the bound of `tfc.rate_controlled`."""


def measured_kbps(page: Page, run: str) -> float:
    """Mean Huffman rate of a run over test clips, from bytes; NaN for one that was not evaluated."""
    path = page.root / "results" / run / "run.json"
    return float(read_json(path)["means"]["kbps_huffman"]) if path.is_file() else math.nan


def rate_name(page: Page, run: str) -> str:
    """A run's nominal rate, and the measured one where it missed it."""
    nominal, measured = page.params.run(run).kbps, measured_kbps(page, run)
    missed = abs(measured / nominal - 1.0) > RATE_HELD
    return f"{nominal:g} kbps (measured {measured:.3g})" if missed else f"{nominal:g} kbps"


def run_name(page: Page, run: str) -> str:
    """How legends call a run: its rate, then what it does beyond the plain codec."""
    return ", ".join([rate_name(page, run), *_variant(page, run)])


def nominal_name(page: Page, run: str) -> str:
    """A run's name where its measured rate stands beside it anyway."""
    return ", ".join([f"{page.params.run(run).kbps:g} kbps", *_variant(page, run)])


def _variant(page: Page, run: str) -> list[str]:
    """What a run does beyond the plain codec."""
    row = page.params.run(run)
    parts = []
    if row.predictor != "none":
        parts.append(f"{row.predictor} prediction")
    if row.power == "fixed":
        parts.append("fixed power")
    if row.quantiser == "gumbel":
        parts.append("Gumbel")
    if row.adversarial:
        parts.append("adversarial" if row.feature_matching else "adversarial without feature matching")
    if row.loss_aware:
        parts.append("loss-aware")
    return parts


def rate_style(kbps: float) -> dict[str, Any]:
    """Colour and marker of a bit rate, as keywords of `Axes.plot`; a rate that the paper does not have is black."""
    return {"color": RATE_COLOUR.get(kbps, OTHER[0]), "marker": RATE_MARK.get(kbps, OTHER[1])}


def tables_of(page: Page, runs: Sequence[str], name: str) -> pd.DataFrame:
    """One table of several runs, one under the other."""
    return pd.concat([read_table(page, run, name) for run in runs], ignore_index=True)


def facts(page: Page, run: str) -> dict[str, Any]:
    """run.json of a run: card, row, power, parameters, means."""
    return read_json(page.path("results", run, "run.json"))


def reference_card(page: Page, run: str) -> dict[str, Any]:
    """The card of the reference weights that a run began with; empty where it began otherwise."""
    init = facts(page, run)["card"]["init"]
    path = page.root / "weights" / f"{init}.json"
    return read_json(path) if init == page.params.run(run).init and path.is_file() else {}


def interval_of(page: Page, rows: pd.DataFrame, measure: str) -> Interval:
    """Mean of a measure over test items with its 95 % bootstrap interval; seeds are averaged per item first."""
    scores = rows.dropna(subset=[measure]).groupby("segment_id")[measure].mean().to_numpy()
    return bootstrap_mean(scores, SEED, page.params.evaluation.bootstrap)


def means(page: Page, items: pd.DataFrame, by: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """`interval_of` for every value of `by` and every measure: by..., measure, mean, low, high, n."""
    rows = []
    for key, group in items.groupby(list(by), sort=False):
        for measure in measures:
            found = interval_of(page, group, measure)
            rows.append((*key, measure, found.mean, found.low, found.high, found.items))
    return pd.DataFrame(rows, columns=[*by, "measure", "mean", "low", "high", "n"])


def note(page: Page, runs: Sequence[str], items: int, what: str = "unseen test clips of 3 s") -> str:
    """The sentence that captions end with: how much training the models had, and what they were tested on."""
    return f"{trained([facts(page, run)['card'] for run in runs])}; {items} {what}; preset {page.params.preset}."


def sounds(page: Page, versions: Mapping[str, tuple[str, str]], most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms by clip and name: `clean`, then every named (run, version) of its audio.npz; the first `most` clips
    that all of them hold.
    """
    stores = {run: load_audio(page, run, most=10_000) for run in dict.fromkeys(run for run, _ in versions.values())}
    shared = sorted(set.intersection(*(set(store) for store in stores.values())))
    clips = [clip for clip in shared if all(version in stores[run][clip] for run, version in versions.values())]
    first = next(iter(stores.values()))
    return {
        clip: {"clean": first[clip]["clean"]}
        | {name: stores[run][clip][version] for name, (run, version) in versions.items()}
        for clip in clips[:most]
    }


def decoded(page: Page, runs: Sequence[str], most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """`sounds` of what each run decodes."""
    return sounds(page, {run_name(page, run): (run, "decoded") for run in runs}, most)
