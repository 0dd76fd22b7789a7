"""The `evaluate` stage of AUCOM: a results/<run> folder of tables and tensors for the notebooks."""

from __future__ import annotations

from thinwire.artifacts import atomic_path, write_json
from thinwire.evaluation.places import METRICS, RESULTS
from thinwire.params import Params
from thinwire.seeding import seed_everything


def evaluate(params: Params, name: str) -> None:
    """Measure a trained run on the test items and write results/<name>, its means to reports/metrics."""
    seed_everything(params.seed)
    system = params.run(name).system
    # each branch imports its own: a codec's evaluation needs no PESQ, an enhancer's no PocketSphinx
    if system == "aucom_enhancer":
        from thinwire.evaluation.aucom.enhancement import measure_enhancer as measure
    elif system in ("aucom_recogniser", "aucom_classifier"):
        from thinwire.evaluation.aucom.tasks import measure_task as measure
    else:
        from thinwire.evaluation.aucom.codecs import measure_codec as measure
    with atomic_path(RESULTS / name, directory=True) as folder:
        means = measure(params, name, folder)
    write_json(METRICS / f"{name}.json", means)
