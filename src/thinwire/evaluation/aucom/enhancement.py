"""The enhancer on noisy and clean pairs: how it sounds (Table 1), and whether it helps the recogniser before and after
coding (section 5.3.4).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from thinwire.artifacts import write_json
from thinwire.evaluation.aucom.common import NOMINAL_RUN, TASKS, Items, answers, evenly
from thinwire.evaluation.aucom.pairs import SPOKEN, Pairs, gate_open, load_pairs, spoken_pairs
from thinwire.evaluation.aucom.tasks import LOSSLESS, run_facts
from thinwire.evaluation.parallel import over_items
from thinwire.evaluation.sounds import save_audio
from thinwire.kaldi import fbank
from thinwire.metrics.composite import composite
from thinwire.metrics.perceptual import stoi
from thinwire.metrics.waveform import si_sdr
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.nn.trainable import count_by_part
from thinwire.params import Params
from thinwire.params.aucom_enhancer import EnhancerSpectrum
from thinwire.progress import track
from thinwire.signal.stft import stft
from thinwire.systems.aucom.coder import AucomCoder
from thinwire.systems.aucom.gate import NoiseGate
from thinwire.systems.aucom_enhancer.model import AuComSenNet
from thinwire.training.adapters.aucom_codec import load_coder
from thinwire.training.build import load_model

CODEC, TAU = NOMINAL_RUN, 2.0
MEASURES = ("pesq", "csig", "cbak", "covl", "ssnr", "stoi", "si_sdr")
FLOOR_DB = -100.0
_AT_ONCE = 4


def load_enhancer(params: Params, name: str, seed: int = 0) -> AuComSenNet:
    """The trained enhancer of a run, frozen."""
    model = load_model(params, name, seed)
    assert isinstance(model, AuComSenNet)
    return model


@torch.inference_mode()
def enhance(model: AuComSenNet, noisy: np.ndarray) -> np.ndarray:
    """Enhanced waveforms (n, samples) of noisy ones."""
    out = [model.enhance(part) for part in track(torch.from_numpy(noisy).split(_AT_ONCE), "enhance")]
    return torch.cat(out).numpy()


def scores(clean: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """MEASURES of one waveform (samples,) against the clean one."""
    rated = composite(clean, test)
    found = {name: getattr(rated, name) for name in MEASURES[:5]}
    return found | {"stoi": float(stoi(clean, test)), "si_sdr": float(si_sdr(clean, test))}


def quality(pairs: Pairs, signal: str, audio: np.ndarray, params: Params) -> pd.DataFrame:
    """Rows of items.parquet without run and seed: MEASURES of a signal's waveforms (n, samples)."""
    found = pd.DataFrame(over_items(scores, zip(pairs.clean, audio, strict=True), params.jobs, params.scheduler))
    columns = pairs.table[["segment_id", "speaker", "noise", "snr_db"]].assign(signal=signal)
    return pd.concat([columns, found], axis=1)


def recognised(params: Params, pairs: Pairs, paths: dict[str, np.ndarray], coder: AucomCoder) -> pd.DataFrame:
    """Rows of tasks.parquet without run and gate: what the recogniser makes of each path's waveforms (n, samples), from
    their features as they are (`lossless`) and after the codec.
    """
    tables = []
    for path, audio in track(paths.items(), "recognise enhanced speech"):
        plain = list(fbank(audio, coder.net.n_mels))
        items = Items(SPOKEN, TASKS[SPOKEN], pairs.table, list(audio), plain, plain[0].shape[1])
        for coded, features in ((LOSSLESS, plain), (CODEC, [coder.decode(coder.encode(f)) for f in plain])):
            columns = pairs.table[["segment_id", "snr_db"]].assign(path=path, coded=coded)
            tables.append(pd.concat([columns, answers(params, items, features)], axis=1))
    return pd.concat(tables, ignore_index=True)


def task_table(params: Params, pairs: Pairs, model: AuComSenNet) -> pd.DataFrame:
    """Rows of tasks.parquet without run; pairs with words. `gated` is enhanced where the gate opens, else noisy."""
    opened = gate_open(pairs, NoiseGate(params.systems.aucom_enhancer.gate_threshold))
    paths = {"clean": pairs.clean, "noisy": pairs.noisy, "enhanced": enhance(model, pairs.noisy)}
    heard = recognised(params, pairs, paths, load_coder(params, CODEC, TAU))
    decisions = dict(zip(pairs.table["segment_id"], opened, strict=True))
    heard = heard.assign(gate_open=heard["segment_id"].map(decisions).astype(bool))
    chosen = (heard["path"] == "enhanced") & heard["gate_open"] | (heard["path"] == "noisy") & ~heard["gate_open"]
    return pd.concat([heard, heard[chosen].assign(path="gated")], ignore_index=True)


def log_spectrogram(audio: np.ndarray, spectrum: EnhancerSpectrum) -> np.ndarray:
    """Magnitudes in dB, float16 (F, T), of a waveform (samples,) by the enhancer's own STFT, FLOOR_DB at least."""
    magnitude = stft(torch.from_numpy(audio), spectrum.n_fft, spectrum.hop_length).abs()
    return (20.0 * magnitude.clamp(min=10.0 ** (FLOOR_DB / 20.0)).log10()).numpy().astype(np.float16)


def means(items: pd.DataFrame, heard: pd.DataFrame) -> dict[str, float]:
    """Means over pairs as `<signal>_<measure>`, word error rates (shares) as `wer_<path>_<lossless or codec>`, and the
    share of pairs for which the gate is open.
    """
    found = {
        f"{signal}_{measure}": float(rows[measure].mean())
        for signal, rows in items.groupby("signal", sort=False)
        for measure in MEASURES
    }
    for (path, coded), rows in heard.groupby(["path", "coded"], sort=False):
        found[f"wer_{path}_{coded}"] = float(rows["word_errors"].sum() / rows["words"].sum())
    found["gate_open"] = float(heard["gate_open"].mean())
    return {name: round(value, 4) for name, value in found.items()}


def measure_enhancer(params: Params, name: str, folder: Path) -> dict[str, float]:
    """Write the tables of an enhancer below `folder`, items of all its seeds, the rest of the first; returns means.

    Raises PipelineError where the corpus has no test pairs, or no words are known.
    """
    settings, corpus = params.evaluation.aucom, params.run(name).data
    pairs = load_pairs(params, corpus)
    judged = pairs.spread(settings.enhancement_items)
    models = [load_enhancer(params, name, number) for number in range(params.training_of(name).seeds)]
    enhanced = [enhance(model, judged.noisy) for model in models]
    noisy = quality(judged, "noisy", judged.noisy, params)
    rated = [pd.concat([noisy, quality(judged, "enhanced", audio, params)]) for audio in enhanced]
    for number, table in enumerate(rated):
        table.insert(0, "run", name)
        table.insert(1, "seed", number)
    items = pd.concat(rated, ignore_index=True)
    items.to_parquet(folder / "items.parquet", index=False)
    heard = task_table(params, spoken_pairs(params, pairs).spread(settings.task_items), models[0])
    heard.insert(0, "run", name)
    heard.to_parquet(folder / "tasks.parquet", index=False)
    look_and_listen(params, judged, enhanced[0], folder)
    found = means(items, heard)
    parts = count_by_part(models[0])
    told = run_facts(params, name, items.assign(corpus=corpus), parts, model_fingerprint(models[0]), found)
    write_json(folder / "run.json", told)
    return found


def look_and_listen(params: Params, pairs: Pairs, enhanced: np.ndarray, folder: Path) -> None:
    """Write audio.npz, int16 waveforms, and look.npz, log spectrograms: `<segment_id>/clean`, `/noisy`, `/enhanced`."""
    settings, spectrum = params.evaluation.aucom, params.systems.aucom_enhancer.spectrum
    versions = {"clean": pairs.clean, "noisy": pairs.noisy, "enhanced": enhanced}
    sounds, pictures = (
        {f"{pairs.table['segment_id'][i]}/{version}": audio[i] for i in evenly(len(pairs), count)
         for version, audio in versions.items()}
        for count in (settings.listen_items, settings.look_items)
    )  # fmt: skip
    save_audio(folder / "audio.npz", sounds)
    drawn = {key: log_spectrogram(audio, spectrum) for key, audio in pictures.items()}
    np.savez_compressed(folder / "look.npz", **drawn)  # type: ignore[arg-type]
