"""Encoding, decoding and re-allocation of one second of four channels, on one thread."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.measurement import Measurement, Scale, milliseconds, repeat
from thinwire.errors import CheckpointError, PipelineError
from thinwire.params import Params
from thinwire.systems.ndpca.codec import NdpcaCodec
from thinwire.systems.ndpca.model import NdpcaModel
from thinwire.systems.ndpca.pca import LinearBottleneck, fit_ndpca
from thinwire.training.build import MODELS, build_system, load_model
from thinwire.training.state import load_tensors

RUN = "e4_ndpca_agnostic"
MICS, SAMPLES = 4, 16_000


def load_codec(params: Params, models: Path = MODELS) -> tuple[NdpcaCodec, str]:
    """The codec of the four-encoder run, trained where models/ holds it, else freshly initialised; and which it is."""
    try:
        model = load_model(params, RUN)
        latents = load_tensors(models / RUN / "latents.safetensors")
        fitted = [latents[f"z{i}"].numpy() for i in range(len(latents) - 1)]
        note = f"models/{RUN}"
    except (CheckpointError, PipelineError):
        model = build_system(params, RUN, {"mics": MICS, "samples": SAMPLES}, params.seed).deployed().eval()
        draw = np.random.default_rng(params.seed)
        assert isinstance(model, NdpcaModel)
        fitted = [draw.standard_normal((512, model.latent // model.groups)) for _ in range(model.groups)]
        note = "freshly initialised weights"
    assert isinstance(model, NdpcaModel)
    return NdpcaCodec(model, fit_ndpca(fitted)), note


def signal(seed: int) -> np.ndarray:
    """(4, 16000) float32 of noise, each channel at its own level; the time that coding takes does not depend on it."""
    draw = np.random.default_rng(seed)
    levels = np.array([0.1, 0.05, 0.03, 0.02])[:, None]
    return (levels * draw.standard_normal((MICS, SAMPLES))).astype(np.float32)


def coding(params: Params, scale: Scale) -> list[Measurement]:
    """Encode, decode to the spectrum, decode to the waveform."""
    torch.set_num_threads(1)
    codec, weights = load_codec(params)
    audio, bits = signal(params.seed), 1000.0 * max(params.evaluation.ndpca.kbps_grid)
    stream = codec.encode(audio, bits)

    @torch.no_grad()
    def to_spectrum(_: int) -> None:
        codec.model.decode(torch.from_numpy(codec.decode_latent(stream)).float())

    note = f"{weights}, {bits:g} bit/s"
    played = NdpcaCodec(codec.model, codec.bottleneck, params.evaluation.ndpca.griffin_lim_iterations)

    def waveform(by: NdpcaCodec) -> str:
        return f"{note}, {by.iterations} Griffin-Lim iterations"

    def timed(name: str, what: str, call, target: float | None, text: str) -> Measurement:
        return milliseconds(name, what, repeat(call, scale.repetitions, warm_up=2), scale, target, text)

    return [
        timed("encode", "1 s of 4 channels to bytes", lambda _: codec.encode(audio, bits), 10.0, note),
        timed("decode_spectrum", "those bytes to a spectrum of 1 s", to_spectrum, 10.0, note),
        timed("decode_waveform", "those bytes to a waveform of 1 s", lambda _: codec.decode(stream), 10.0,
              waveform(codec)),
        timed("decode_waveform_played", "those bytes to a waveform as the notebooks measure and play it",
              lambda _: played.decode(stream), None, waveform(played)),
    ]  # fmt: skip


def allocate(bottleneck: LinearBottleneck, m: int) -> list[np.ndarray]:
    """What a new budget in floats asks for: how many components each encoder sends, and which."""
    return [bottleneck.counts(m), *(bottleneck.columns(m, source) for source in range(len(bottleneck.mean)))]


def reallocation(params: Params, scale: Scale) -> list[Measurement]:
    """A new bandwidth: in floats a look-up in the one order; in bits a water level, whose tables are kept once made."""
    torch.set_num_threads(1)
    codec, weights = load_codec(params)
    budgets = [m for m in params.evaluation.ndpca.grid if m <= codec.model.latent]
    rates = [1000.0 * kbps for kbps in params.evaluation.ndpca.kbps_grid]

    def floats(index: int) -> None:
        allocate(codec.bottleneck, budgets[index % len(budgets)])

    def warm(index: int) -> None:
        codec.plan(codec.level_for(rates[index % len(rates)]))

    def cold(index: int) -> None:
        fresh = NdpcaCodec(codec.model, codec.bottleneck, codec.iterations)
        fresh.plan(fresh.level_for(rates[index % len(rates)]))

    few = min(scale.repetitions, 5)
    first = repeat(cold, few)
    return [
        milliseconds("reallocate_floats", "a new budget m: components of each encoder",
                     repeat(floats, scale.repetitions, warm_up=2), scale, 1.0, weights),
        milliseconds("reallocate_bits", "a new bit rate: level, components, steps and tables",
                     repeat(warm, scale.repetitions, warm_up=len(rates)), scale, 1.0, f"{weights}, tables made before"),
        Measurement("reallocate_bits_first", "opening a codec and its first bit rate", first.wall_s * 1e3, "ms",
                    repetitions=few, note=f"{weights}, fingerprint and tables made on the way"),
    ]  # fmt: skip
