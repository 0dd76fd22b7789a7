"""What a listener would get: waveforms of a subset of items, decoded and enhanced, and their measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from thinwire.evaluation.ndpca.bits import SCHEMES
from thinwire.evaluation.ndpca.common import Bench
from thinwire.evaluation.ndpca.targets import LEVEL, estimate_of, heard, targets_of, waveform_of
from thinwire.evaluation.parallel import over_items
from thinwire.metrics.perceptual import plcmos
from thinwire.nn.discriminator import logit_gap
from thinwire.params import Params
from thinwire.progress import track
from thinwire.seeding import derive_seed
from thinwire.systems.ndpca.codec import NdpcaCodec
from thinwire.systems.ndpca.representation import magnitude_of, waveform
from thinwire.tasks.enhancement import Enhancer
from thinwire.training.build import build_system, model_folder
from thinwire.training.state import load_weights


def load_critic(params: Params, bench: Bench) -> nn.Module | None:
    """The discriminator that was trained beside an aware run, as an adversary that knows this model."""
    facts = {"mics": bench.model.mics, "samples": bench.model.samples}
    critic = build_system(params, bench.name, facts, 0, to_train=False).make_critic()
    if critic is not None:
        load_weights(model_folder(bench.name, bench.number) / "critic.safetensors", critic)
        critic.eval().requires_grad_(False)
    return critic


def _plcmos(test: np.ndarray) -> float:
    return float(plcmos(test))


def measure(bench: Bench, enhancer: Enhancer, jobs: int = 1, scheduler: str | None = None) -> pd.DataFrame:
    """Rows per (item of `waveform_items`, m of the whole grid): the decoder's output and the enhanced one as spectra
    and as waveforms, against clean speech and against the noisy microphones (columns in `_noisy`).
    """
    some = bench.subset(bench.settings.waveform_items)
    own, targets = next(iter(bench.bottlenecks)), targets_of(bench, some)
    rows = []
    for m in track(bench.grid(own), f"listen {bench.name}"):
        output = bench.decode(own, m, some)
        generator = torch.Generator().manual_seed(derive_seed(bench.seed, "sampler", m))
        decoded = magnitude_of(output, bench.run.representation)
        enhanced = enhancer.enhance(decoded, bench.settings.sampler_steps, generator)
        estimates = [
            estimate_of(bench, output, bench.run.representation, ""),
            estimate_of(bench, enhanced.unsqueeze(1), "magnitude", "_enhanced"),
        ]
        table = bench.items().loc[some].assign(bottleneck=own, m=m)
        compared = [(target, estimate) for target in targets for estimate in estimates]
        scores = over_items(heard, [pair for t, e in compared for pair in t.pairs(e)], jobs, scheduler)
        for (target, estimate), both in zip(compared, np.split(np.array(scores), len(compared)), strict=True):
            table = table.assign(**target.measures(estimate))
            table[target.columns_heard(estimate)] = both
        rows.append(table)
    return pd.concat(rows, ignore_index=True)


def realism(bench: Bench, critic: nn.Module, jobs: int = 1, scheduler: str | None = None) -> pd.DataFrame:
    """Rows per (item of `perceptual_items`, m of `perceptual_grid`) of an aware run: PLCMOS of the decoded waveform and
    the gap of its logits to clean speech's.
    """
    some = bench.subset(bench.settings.perceptual_items)
    own = next(iter(bench.bottlenecks))
    rows = []
    for m in [m for m in bench.settings.perceptual_grid if m in bench.grid(own)] or bench.grid(own):
        output = bench.decode(own, m, some)
        table = bench.items().loc[some].assign(bottleneck=own, m=m)
        audio = waveform_of(bench, output, bench.run.representation).numpy()
        table["plcmos"] = over_items(_plcmos, [(LEVEL * x,) for x in audio], jobs, scheduler)
        table["logit_gap"] = _gap(bench, critic, magnitude_of(output, bench.run.representation), some)
        rows.append(table)
    return pd.concat(rows, ignore_index=True)


def _gap(bench: Bench, critic: nn.Module, decoded: torch.Tensor, some: np.ndarray) -> np.ndarray:
    """Mean |D(x) - D(x_hat)| of each item, both under the clean phase, as in training."""
    phase = bench.data.phase[some].float()
    clean = magnitude_of(bench.data.clean[some].float(), bench.run.representation)
    exponent = 1.0 / bench.model.spectrum.power
    real, fake = (
        waveform(
            torch.polar(x.clamp_min(1e-6) ** exponent, phase), bench.model.spectrum, bench.model.samples
        ).unsqueeze(1)
        for x in (clean, decoded)
    )
    with torch.no_grad():
        return logit_gap(critic(real).logits, critic(fake).logits).numpy()


def listen(bench: Bench, enhancer: Enhancer, path: Path) -> None:
    """Waveforms of a few items for the notebooks' players: clean, first microphone, decoded at several m, enhanced at
    the largest, and decoded from the bytes of every other rate of `kbps_grid`.
    """
    own = next(iter(bench.bottlenecks))
    some = bench.subset(bench.settings.look_items)
    grid = [m for m in bench.settings.listen_grid if m in bench.grid(own)] or bench.grid(own)
    out: dict[str, np.ndarray] = {}
    ids = list(bench.segments.table["segment_id"].iloc[some])

    def keep(name: str, signals: np.ndarray) -> None:
        for segment, signal in zip(ids, signals, strict=True):
            loudest = max(float(np.abs(signal).max()), 1e-6)
            out[f"{segment}/{name}"] = np.rint(signal / loudest * 0.7 * 32767).astype(np.int16)

    keep("clean", bench.segments.clean[some])
    keep("noisy", bench.segments.noisy[some, 0])
    for m in grid:
        output = bench.decode(own, m, some)
        keep(f"m{m}", waveform_of(bench, output, bench.run.representation).numpy())
        if m == grid[-1]:
            generator = torch.Generator().manual_seed(derive_seed(bench.seed, "listen"))
            decoded = magnitude_of(output, bench.run.representation)
            enhanced = enhancer.enhance(decoded, bench.settings.sampler_steps, generator)
            keep("enhanced", waveform_of(bench, enhanced.unsqueeze(1), "magnitude").numpy())
    if own in SCHEMES:
        codec = NdpcaCodec(bench.model, bench.bottlenecks[own], bench.settings.griffin_lim_iterations)
        for kbps in bench.settings.kbps_grid[::2]:
            streams = [codec.encode(bench.segments.noisy[i], 1000.0 * kbps) for i in some]
            keep(f"kbps{kbps:g}", np.stack([codec.decode(stream) for stream in streams]))
    np.savez_compressed(path, **out)  # type: ignore[arg-type]
