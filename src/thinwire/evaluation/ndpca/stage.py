"""The `evaluate` stage: a results/<run> folder of tables and tensors for the notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from thinwire.artifacts import atomic_path, read_json, write_json
from thinwire.evaluation.ndpca import bits, look, perception, sweep
from thinwire.evaluation.ndpca.common import set_up
from thinwire.evaluation.places import METRICS, RESULTS
from thinwire.metrics.spectral import psnr
from thinwire.params import Params
from thinwire.seeding import derive_seed, seed_everything
from thinwire.segments import SegmentStore
from thinwire.systems.ndpca.representation import prepare
from thinwire.tasks.enhancement import Enhancer
from thinwire.training.adapters.score import load_enhancer
from thinwire.training.build import DATA, MODELS

CHANNEL = Path("data/channel")
SCORE_RUN = "score"


def evaluate(params: Params, name: str) -> None:
    """Measure a trained run on the test items and write results/<name>."""
    seed_everything(params.seed)
    if params.run(name).system == "score":
        evaluate_score(params, name)
    else:
        evaluate_ndpca(params, name)


def evaluate_ndpca(params: Params, name: str) -> None:
    """Sweep, allocation, perception, bits, looks and sounds of a distributed coder; items and bits of all its seeds,
    the rest of the first.
    """
    seeds = range(params.training_of(name).seeds)
    enhancer = load_enhancer(params, MODELS / SCORE_RUN)
    measured = [measure_seed(params, name, seed, enhancer) for seed in seeds]
    bench = set_up(params, name)
    with atomic_path(RESULTS / name, directory=True) as folder:
        for table in ("items", "bits"):
            rows = pd.concat([one[table] for one in measured], ignore_index=True)
            rows.to_parquet(folder / f"{table}.parquet", index=False)
        fixed, scenes = sweep.allocation(bench)
        fixed.to_parquet(folder / "allocation.parquet", index=False)
        scenes.to_parquet(folder / "scene_allocation.parquet", index=False)
        card = read_json(MODELS / name / "card.json")
        write_json(folder / "baselines.json", sweep.predictors(bench) | {"card": card})
        write_json(folder / "losses.json", {"test": sweep.losses(bench), **final_losses(name)})
        look.look(bench, folder / "look.npz")
        perception.listen(bench, enhancer, folder / "audio.npz")
    write_json(METRICS / f"{name}.json", summary(pd.concat([one["items"] for one in measured])))


def measure_seed(params: Params, name: str, seed: int, enhancer: Enhancer) -> dict[str, pd.DataFrame]:
    """The tables `items` and `bits` of one of a run's models."""
    bench = set_up(params, name, seed)
    items = sweep.sweep(bench, enhancer)
    tables = [perception.measure(bench, enhancer, params.jobs, params.scheduler)]
    critic = perception.load_critic(params, bench)
    if critic is not None:
        tables.append(perception.realism(bench, critic, params.jobs, params.scheduler))
    keys = ["segment_id", "bottleneck", "m"]
    for table in tables:
        extra = table.drop(columns=[c for c in table.columns if c in items.columns and c not in keys])
        items = items.merge(extra, on=keys, how="left")
    for column in ("plcmos", "logit_gap"):
        if column not in items:
            items[column] = float("nan")
    return {"items": items, "bits": bits.bits(bench)}


def summary(items: pd.DataFrame) -> dict[str, Any]:
    """Means over test items by bottleneck and bandwidth: what `dvc metrics diff` and `dvc exp show` compare."""
    return {
        str(bottleneck): {
            f"m{m}": {name: round(float(rows[name].mean()), 4) for name in ("psnr_magnitude", "mse")}
            for m, rows in part.groupby("m")
        }
        for bottleneck, part in items.groupby("bottleneck")
    }


def follow_channel(params: Params, name: str) -> None:
    """Let a trained coder follow the capacity trace and write data/channel/<name>.parquet."""
    seed_everything(params.seed)
    table = sweep.follow(set_up(params, name), params.channel)
    with atomic_path(CHANNEL / f"{name}.parquet") as path:
        table.to_parquet(path, index=False)


def final_losses(name: str) -> dict[str, dict[str, float]]:
    """Named losses of the last validation, by split, from the training curves."""
    curves = pd.read_csv(MODELS / name / "curves.tsv", sep="\t")
    last = curves.groupby("split").last()
    return {str(split): {str(k): float(v) for k, v in row.dropna().items()} for split, row in last.iterrows()}


def evaluate_score(params: Params, name: str) -> None:
    """The enhancer on its own: PSNR of test microphones before and after sampling, on magnitudes."""
    settings, run = params.evaluation.ndpca, params.run(name)
    enhancer = load_enhancer(params, MODELS / name)
    segments = SegmentStore(DATA / run.data).load(settings.split, max(settings.perceptual_items, 4))
    data = prepare(segments.noisy, segments.clean, params.systems.score.spectrum, "magnitude")
    clean, noisy = data.clean.float()[:, 0], data.noisy.float()[:, 0, 0]
    generator = torch.Generator().manual_seed(derive_seed(params.seed, "enhance"))
    enhanced = enhancer.enhance(noisy, settings.sampler_steps, generator)
    peak = clean.amax((1, 2)).numpy()
    table = segments.table[["segment_id", "speaker", "room", "noise"]].copy()
    table["run"] = name
    table["psnr_noisy"] = psnr(clean.numpy(), noisy.numpy(), peak)
    table["psnr_enhanced"] = psnr(clean.numpy(), enhanced.numpy(), peak)
    table["dsm"] = enhancer.distortion(clean, noisy, generator).numpy()
    with atomic_path(RESULTS / name, directory=True) as folder:
        table.to_parquet(folder / "items.parquet", index=False)
    write_json(METRICS / f"{name}.json", table[["psnr_noisy", "psnr_enhanced", "dsm"]].mean().round(4).to_dict())
