"""Learned codecs of features, AUCOM's and those that it is compared with, at each of their operating points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from thinwire.artifacts import write_json
from thinwire.evaluation.aucom.common import (
    TASKS,
    Items,
    answers,
    errors,
    feature_unit,
    item_table,
    rate_columns,
    task_items,
)
from thinwire.evaluation.aucom.latents import save_latents
from thinwire.evaluation.aucom.look import save_look, save_sounds
from thinwire.evaluation.aucom.rates import analyse, row_totals, send
from thinwire.evaluation.aucom.tasks import SphinxListener, run_facts, task_means
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.nn.trainable import count_by_part
from thinwire.params import Params
from thinwire.systems.aucom.coder import AucomCoder, ChunkCodec, coder_fingerprint
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.sensing import SensingNet
from thinwire.systems.aucom.tables import RowTables, tables_at
from thinwire.training.adapters.aucom_compared import load_compared
from thinwire.training.build import DATA, model_folder
from thinwire.training.state import load_tensors

CODEC = "aucom_codec"
COMPARED_ON = "librispeech"
"""The corpus on which systems are compared (Fig. 13), and whose waveforms PocketSphinx hears."""
HEADLINE_TAU = 2.0
"""Of the means that stand for a run: the paper's Huffman column (Table 2)."""


@dataclass(frozen=True)
class Point:
    """An operating point: its name in the figures, the rows that it sends, and its coder."""

    label: str
    coder: AucomCoder

    def identity(self, name: str, system: str, number: int) -> dict[str, Any]:
        """Columns of the item table."""
        return {
            "run": name, "seed": number, "system": system, "label": self.label, "tau": float(self.coder.tau),
            "rows": float(self.coder.net.rows),
        }  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """A run's codec of one seed on the bench, with its operating points."""

    name: str
    number: int
    system: str
    net: FeatureNet
    points: list[Point]
    fingerprint: str

    @property
    def coders(self) -> dict[float, AucomCoder]:
        """By tau, where there is one label."""
        return {point.coder.tau: point.coder for point in self.points}


def set_up(params: Params, name: str, number: int = 0) -> Bench:
    """Load the network of a run's `number`-th seed and make a coder of every tau and, of a sensing network, of every
    number of measurements.
    """
    net = load_compared(params, name, number)
    tensors = {key: t.numpy() for key, t in load_tensors(model_folder(name, number) / "tables.safetensors").items()}
    labels: dict[str, int | None] = {name: None}
    if isinstance(net, SensingNet):
        labels = {f"{name}_{count}": count for count in params.systems.aucom_sensing.measurements}
    system = str(params.run(name).system)
    points = []
    for label, rows in labels.items():
        for tau in getattr(params.systems, system).taus:
            tables, codec = tables_at(tensors, tau), cast(ChunkCodec, net)
            if rows is not None:
                assert isinstance(net, SensingNet)
                tables, codec = RowTables(tables.tables[:rows]), net.at(rows)
            named = coder_fingerprint(net, tables, tau, tensors["mu"], tensors["sigma"])
            points.append(Point(label, AucomCoder(codec, tables, named, tau)))
    arrays = [tensors[key] for key in ("mu", "sigma", "counts")]
    return Bench(name, number, system.removeprefix("aucom_"), net, points, model_fingerprint(net, *arrays))


def measure_points(
    params: Params, bench: Bench, items: Mapping[str, Items], sphinx: SphinxListener | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """items.parquet and rows.parquet of every operating point on the items of every corpus."""
    unit, tables = feature_unit(), []
    totals: dict[int, pd.DataFrame] = {}
    for corpus, some in items.items():
        latents = analyse(bench.net, some.features)
        for place, point in enumerate(bench.points):
            one = send(latents, point.coder, f"{point.label} tau {point.coder.tau:g} {corpus}")
            columns = [rate_columns(one.rates), errors(some.features, one.decoded, unit)]
            columns.append(answers(params, some, one.decoded))
            if sphinx is not None and corpus == COMPARED_ON:
                columns.append(sphinx.columns_of_features(some, one.decoded))
            tables.append(item_table(some, point.identity(bench.name, bench.system, bench.number), columns))
            bits = row_totals(point.coder, one, latents.frames)
            totals[place] = bits + totals[place] if place in totals else bits
    rows = [_row_table(bench, point, totals[place]) for place, point in enumerate(bench.points)]
    return pd.concat(tables, ignore_index=True), pd.concat(rows, ignore_index=True)


def _row_table(bench: Bench, point: Point, totals: pd.DataFrame) -> pd.DataFrame:
    """rows.parquet of a point: run, label, tau, row, and bits a symbol over all `symbols`."""
    each = totals[["entropy_bits", "huffman_bits"]].div(totals["symbols"], axis=0)
    told = {"run": bench.name, "label": point.label, "tau": float(point.coder.tau), "row": totals.index}
    return pd.DataFrame(told).join(each).assign(symbols=totals["symbols"])


def measure_codec(params: Params, name: str, folder: Path) -> dict[str, float]:
    """Write the tables of a codec's run below `folder`: items of all its seeds, the rest of the first. All but runs
    with a lambda of their own are also heard by PocketSphinx; variants of AUCOM tell of the latent, and can be looked
    at and listened to. Returns means over items at HEADLINE_TAU.
    """
    settings, row = params.evaluation.aucom, params.run(name)
    ours = row.system == CODEC
    weighed = ours and row.lmbda is not None
    variant = ours and not weighed
    items = {corpus: task_items(params, corpus) for corpus in (TASKS if ours else (COMPARED_ON,))}
    sphinx = SphinxListener(COMPARED_ON, settings.sphinx_items) if settings.sphinx_items and not weighed else None
    measured = [
        measure_points(params, set_up(params, name, number), items, sphinx)
        for number in range(params.training_of(name).seeds)
    ]
    table = pd.concat([one for one, _ in measured], ignore_index=True)
    table.to_parquet(folder / "items.parquet", index=False)
    measured[0][1].to_parquet(folder / "rows.parquet", index=False)
    bench = set_up(params, name)
    if variant:
        save_latents(bench.net, DATA / row.data, name, folder)
        save_look(folder / "look.npz", items, bench.net, bench.coders, settings.look_items)
        save_sounds(folder / "audio.npz", items, bench.coders, settings.listen_items)
    found = means(table)
    parameters = {part: count for part, count in count_by_part(bench.net).items() if count}
    write_json(folder / "run.json", run_facts(params, name, table, parameters, bench.fingerprint, found))
    return found


def means(items: pd.DataFrame) -> dict[str, float]:
    """Rates, distortion and task scores at the tau that is nearest to HEADLINE_TAU; names begin with the label where
    there are several.
    """
    taus = items["tau"].unique()
    here = items[items["tau"] == taus[np.abs(taus - HEADLINE_TAU).argmin()]]
    found: dict[str, float] = {}
    for label, part in here.groupby("label", sort=False):
        lead = f"{label}_" if here["label"].nunique() > 1 else ""
        rounded = part[["kbps_entropy", "kbps_huffman", "mse", "error_db"]].mean().round(4).to_dict() | task_means(part)
        found |= {f"{lead}{name}": float(value) for name, value in rounded.items()}
    return found
