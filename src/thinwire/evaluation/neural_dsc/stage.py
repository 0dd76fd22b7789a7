"""The `evaluate` stage of neural distributed source coding: a results/<run> folder for the notebooks."""

from __future__ import annotations

from thinwire.artifacts import atomic_path, write_json
from thinwire.evaluation.neural_dsc.codecs import measure_codec
from thinwire.evaluation.neural_dsc.priors import measure_prior
from thinwire.evaluation.places import METRICS, RESULTS
from thinwire.params import Params
from thinwire.seeding import seed_everything


def evaluate(params: Params, name: str) -> None:
    """Measure a trained run on the test items and write results/<name>, its means to reports/metrics."""
    seed_everything(params.seed)
    measure = measure_prior if params.run(name).system == "neural_dsc_prior" else measure_codec
    with atomic_path(RESULTS / name, directory=True) as folder:
        means = measure(params, name, folder)
    write_json(METRICS / f"{name}.json", means)
