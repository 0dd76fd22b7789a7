"""What a listener would get: waveforms of a subset of items, decoded and enhanced, and their measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from thinwire.evaluation.ndpca.common import Bench
from thinwire.evaluation.parallel import over_items
from thinwire.metrics.perceptual import pesq_wb, plcmos, stoi
from thinwire.metrics.spectral import psnr
from thinwire.metrics.waveform import si_sdr
from thinwire.nn.discriminator import logit_gap
from thinwire.params import Params
from thinwire.progress import track
from thinwire.seeding import derive_seed
from thinwire.systems.ndpca.representation import magnitude_of, spectra, synthesise, to_complex, waveform
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


def _heard(clean: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    return float(pesq_wb(clean, test)), float(stoi(clean, test))


def _plcmos(test: np.ndarray) -> float:
    return float(plcmos(test))


def measure(
    bench: Bench, enhancer: Enhancer, critic: nn.Module | None, jobs: int = 1, scheduler: str | None = None
) -> pd.DataFrame:
    """Rows per (item of the subset, m): waveform measures, PSNR in the paper's sense and on the complex spectrum,
    enhanced PSNR, logit gap.

    PSNR in the paper's sense is over plain magnitude and phase in radians stacked (facts 1.8.6), MAX the largest plain
    magnitude.
    """
    some = bench.subset(bench.settings.perceptual_items)
    own = next(iter(bench.bottlenecks))
    model, representation = bench.model, bench.run.representation
    spectrum, samples = model.spectrum, model.samples
    reference = bench.segments.clean[some] / bench.data.clean_gain[some, None]
    target = spectra(torch.from_numpy(reference), spectrum)
    clean = magnitude_of(bench.data.clean[some].float(), representation)
    peak = clean.amax((1, 2)).numpy()
    grid = [m for m in bench.settings.perceptual_grid if m in bench.grid(own)] or bench.grid(own)
    rows = []
    for m in track(grid, f"listen {bench.name}"):
        output = bench.decode(own, m, some)
        decoded = magnitude_of(output, representation)
        audio = synthesise(output, spectrum, representation, samples, bench.settings.griffin_lim_iterations)
        generator = torch.Generator().manual_seed(derive_seed(bench.seed, "sampler", m))
        enhanced = enhancer.enhance(decoded, bench.settings.sampler_steps, generator)
        better = synthesise(
            enhanced.unsqueeze(1), spectrum, "magnitude", samples, bench.settings.griffin_lim_iterations
        )
        estimate = to_complex(output, spectrum, representation)
        estimate = spectra(audio, spectrum) if estimate is None else estimate
        table = bench.items().loc[some].assign(bottleneck=own, m=m)
        table["psnr_paper"] = _paper_psnr(target.numpy(), estimate.numpy())
        table["psnr_complex"] = _complex_psnr(target, estimate, spectrum.power)
        table["psnr_enhanced"] = psnr(clean.numpy(), enhanced.numpy(), peak)
        for suffix, signal in (("", audio), ("_enhanced", better)):
            scaled = 0.05 * signal.numpy()
            pairs = list(zip(0.05 * reference, scaled, strict=True))
            heard = over_items(_heard, pairs, jobs, scheduler)
            table[f"pesq{suffix}"], table[f"stoi{suffix}"] = zip(*heard, strict=True)
            table[f"si_sdr{suffix}"] = si_sdr(reference, scaled)
        if bench.run.setting == "aware":
            table["plcmos"] = over_items(_plcmos, [(0.05 * x,) for x in audio.numpy()], jobs, scheduler)
        if critic is not None:
            table["logit_gap"] = _gap(bench, critic, decoded, some)
        rows.append(table)
    return pd.concat(rows, ignore_index=True)


def _paper_psnr(target: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    stacks = [np.concatenate([np.abs(x), np.angle(x)], axis=-1) for x in (target, estimate)]
    return psnr(stacks[0], stacks[1], np.abs(target).max((1, 2)))


def _complex_psnr(target: torch.Tensor, estimate: torch.Tensor, power: float) -> np.ndarray:
    pair = [torch.polar(x.abs().clamp_min(1e-12) ** power, x.angle()).numpy() for x in (target, estimate)]
    return psnr(pair[0], pair[1], np.abs(pair[0]).max((1, 2)))


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
    the largest.
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
        settings = (
            bench.model.spectrum,
            bench.run.representation,
            bench.model.samples,
            bench.settings.griffin_lim_iterations,
        )
        keep(f"m{m}", synthesise(output, *settings).numpy())
        if m == grid[-1]:
            generator = torch.Generator().manual_seed(derive_seed(bench.seed, "listen"))
            enhanced = enhancer.enhance(
                magnitude_of(output, bench.run.representation), bench.settings.sampler_steps, generator
            )
            keep(
                "enhanced",
                synthesise(enhanced.unsqueeze(1), settings[0], "magnitude", settings[2], settings[3]).numpy(),
            )
    np.savez_compressed(path, **out)  # type: ignore[arg-type]
