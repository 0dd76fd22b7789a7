"""All measurements, each part in a fresh process so that its peak of memory is its own, and the report."""

from __future__ import annotations

import multiprocessing
import os
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import codec, coders, corpora, edge, link, lossy_link, pipeline, prior, streaming, training
from benchmarks.measurement import Measurement, Scale
from thinwire.artifacts import write_json
from thinwire.params import Params
from thinwire.progress import track

REPORT = Path("reports/benchmarks.json")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Part = Callable[[Params, Scale], list[Measurement]]
PARTS: dict[str, Part] = {
    "simulate": corpora.simulate,
    "extract": corpora.extraction,
    "extract_memory": corpora.extraction_memory,
    "coding": codec.coding,
    "reallocation": codec.reallocation,
    "streaming": streaming.streaming,
    "coders": coders.coders,
    "edge": edge.edge,
    "link": link.link,
    "lossy_link": lossy_link.lossy,
    "prior": prior.prior,
    **{f"steps {kind}": partial(training.steps, kind=kind) for kind in training.RUNS},
    **{f"stage {kind}": partial(training.stage, kind=kind) for kind in training.RUNS},
}


def measure(params: Params, scale: Scale, parts: dict[str, Part] = PARTS) -> dict[str, Any]:
    """Run every part and return the report: machine, scale, and one row a measurement."""
    load = os.getloadavg()[0]
    rows: list[Measurement] = []
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        for name in track(list(parts), "bench"):
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                rows += pool.submit(parts[name], params, scale).result()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    rows += pipeline.nothing_to_do(scale) + pipeline.full_run()
    return report(params, rows, load)


def report(params: Params, rows: list[Measurement], load: float) -> dict[str, Any]:
    """The JSON-ready report; the machine is described by what bears on the numbers and nothing else."""
    import torch

    machine = {
        "processor": processor(),
        "cpu_count": os.cpu_count(),
        "torch": torch.__version__.split("+")[0],
        "load_before": round(load, 2),
    }
    return {"machine": machine, "scale": params.preset, "measurements": [row.row() for row in rows]}


def processor() -> str:
    """How the processor calls itself; of Linux its model, elsewhere what Python knows."""
    told = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in (told.read_text().splitlines() if told.is_file() else [])
              if line.startswith("model name")]  # fmt: skip
    return models[0] if models else platform.processor() or platform.machine()


def lines(result: dict[str, Any]) -> list[str]:
    """The report as text: value, unit, target, and what it is."""
    out = []
    for row in result["measurements"]:
        value = "-" if row["value"] is None else f"{row['value']:g}"
        sign = {True: "ok  ", False: "miss", None: "    "}[row["met"]]
        target = "" if row["target"] is None else f"(target {row['target']:g}) "
        line = f"{sign} {value:>8s} {row['unit']:12s} {row['name']}: {target}{row['what']}; {row['note']}"
        out.append(line.rstrip("; "))
    return out


def write(result: dict[str, Any], path: Path = REPORT) -> None:
    """Write the report."""
    write_json(path, result)
