"""Invented but consistent results of the AUCOM wing's codecs, tasks and compared systems, in every shape that their
stages leave; for tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from thinwire.figures.aucom.lengths import gaussian_bits
from thinwire.params import load_params

WORDS, BINS, FRAMES, TIMES = 9, 80, 500, 125
KIND = {"librispeech": "speech", "ljspeech": "speech", "iemocap": "emotion", "ravdess": "emotion",
        "speech_commands": "commands", "esc50": "sounds"}  # fmt: skip
CHANCE = {"speech": 0.1, "emotion": 0.25, "commands": 0.1, "sounds": 0.1}
TASK_ROWS = {
    "aucom_asr": ["librispeech", "ljspeech"], "aucom_emotion": ["iemocap"], "aucom_emotion_ravdess": ["ravdess"],
    "aucom_commands": ["speech_commands"], "aucom_sounds": ["esc50"],
}  # fmt: skip
CODECS = {"aucom_v1": 40, "aucom_v2": 20, "aucom_v3": 10, "aucom_v1_l1": 40, "aucom_v1_l16": 40}
LOSS = {"aucom_v1": 0.0, "aucom_v2": 0.35, "aucom_v3": 0.8, "aucom_v1_l1": 0.4, "aucom_v1_l16": -0.1}
CODED = ("kbps_entropy", "kbps_huffman", "kbps_arithmetic", "kbps_range", "kbps_rans")
VERSIONS = (1.0, 3.0, 8.0)


def write_wing(root: Path, count: int = 24) -> None:
    """results/ of every codec, task row and the compared systems, `count` test items a corpus."""
    taus = load_params(root / "params.yaml").systems.aucom_codec.taus
    for run, rows in CODECS.items():
        write_codec(root / "results" / run, run, rows, taus, count)
    for run, corpora in TASK_ROWS.items():
        table = pd.concat([lossless(run, corpus, count) for corpus in corpora], ignore_index=True)
        write_folder(root / "results" / run, run, table)
    compared = {"aucom_deepcod": ["aucom_deepcod"], "aucom_sensing": [f"aucom_sensing_{m}" for m in (20, 40, 80, 160)],
                "aucom_compared": ["bilinear_4x4", "bicubic_4x4", "mp3", "aac"]}  # fmt: skip
    for run, labels in compared.items():
        table = pd.concat([rival(run, label, count) for label in labels], ignore_index=True)
        write_folder(root / "results" / run, run, table)
    missing = {"encodec": "no weights were given", "dac": "no weights were given"}
    (root / "results" / "aucom_compared" / "compared.json").write_text(json.dumps({"unavailable": missing}))


def generator(*parts: object) -> np.random.Generator:
    """Noise that belongs to a name."""
    return np.random.default_rng([37, *"/".join(map(str, parts)).encode()])


def bits(tau: float) -> dict[str, float]:
    """Bits a symbol of a unit Gaussian rounded at a step: entropy, Huffman, and coders that come near the entropy."""
    theory = gaussian_bits(tau)
    entropy = theory.entropy
    return {"entropy": entropy, "huffman": theory.huffman, "arithmetic": entropy + 0.004, "range": entropy + 0.006,
            "rans": entropy + 0.012}  # fmt: skip


def answers(run: str, label: str, corpus: str, tau: float, harm: float, count: int) -> dict[str, Any]:
    """Truth, answers and word errors of items; what makes an item hard is the same for every system."""
    kind = KIND[corpus]
    hard = np.random.default_rng([3, *corpus.encode()]).normal(0, 1, count)
    rng = generator(run, label, corpus, tau)
    right = np.maximum(CHANCE[kind], norm.cdf(1.7 - harm + 0.6 * hard))
    if kind == "speech":
        errors = rng.binomial(WORDS, 1 - right).astype(float)
        text = {"truth": "nine words of a known sentence are said here", "answer": "words", "correct": np.nan}
        return text | {"words": float(WORDS), "word_errors": errors}
    correct = (rng.uniform(size=count) < right).astype(float)
    return {"truth": "a", "answer": np.where(correct > 0, "a", "b"), "correct": correct, "words": np.nan,
            "word_errors": np.nan}  # fmt: skip


def base(run: str, system: str, label: str, corpus: str, count: int) -> dict[str, Any]:
    """What all rows begin with."""
    return {"run": run, "seed": 1, "system": system, "label": label, "tau": np.nan, "rows": np.nan,
            "kbps_nominal": np.nan, "corpus": corpus, "task": KIND[corpus],
            "segment_id": [f"{corpus}-{k:04d}" for k in range(count)], "speaker": [f"s{k % 6}" for k in range(count)],
            "seconds": 5.0, "mse": np.nan, "error_db": np.nan, **dict.fromkeys(CODED, np.nan), "kbps": np.nan,
            "header_bytes": np.nan, "clamped_share": np.nan, "sphinx_answer": "", "sphinx_errors": np.nan}  # fmt: skip


def coded(
    run: str, system: str, label: str, corpus: str, tau: float, rows: int, harm: float, count: int
) -> pd.DataFrame:
    """Items of a feature codec at one step."""
    rng = generator("rate", run, label, corpus, tau)
    loud = 1 + 0.04 * rng.standard_normal(count)
    rates = {f"kbps_{name}": rows * 0.025 * b * np.where(b > 1.0, loud, 1.0) for name, b in bits(tau).items()}
    error = (0.05 + 0.08 * tau**1.1 + 0.15 * max(harm, 0)) * np.exp(0.2 * rng.standard_normal(count))
    table = base(run, system, label, corpus, count) | rates | answers(run, label, corpus, tau, harm, count)
    table |= {"tau": tau, "rows": float(rows), "mse": error, "error_db": 9 * np.sqrt(error)}
    table |= {"kbps": rates["kbps_huffman"], "header_bytes": 21.0, "clamped_share": 1e-4}
    if corpus == "librispeech":
        some = np.arange(count) % 3 == 0
        table |= {"sphinx_answer": np.where(some, "words", ""), "sphinx_errors": np.where(some, 7.0, np.nan)}
    return pd.DataFrame(table)


def lossless(run: str, corpus: str, count: int) -> pd.DataFrame:
    """Items of a task on uncompressed features."""
    table = base(run, "lossless", "lossless", corpus, count) | answers(run, "lossless", corpus, 0, 0.0, count)
    some = (np.arange(count) % 3 == 0) & (KIND[corpus] == "speech")
    table |= {"sphinx_answer": np.where(some, "words", ""), "sphinx_errors": np.where(some, 4.0, np.nan)}
    return pd.DataFrame(table | {"kbps": 256.0, "mse": 0.0, "error_db": 0.0})


def rival(run: str, label: str, count: int) -> pd.DataFrame:
    """Items of a compared system at its operating points."""
    if label in ("mp3", "aac"):
        frames = []
        for kbps in (8.0, 16.0, 32.0, 64.0):
            table = base(run, label, label, "librispeech", count) | {"kbps_nominal": kbps, "kbps": kbps * 1.02}
            table |= answers(run, label, "librispeech", kbps, 8 / kbps, count)
            frames.append(pd.DataFrame(table | {"sphinx_answer": "words", "sphinx_errors": 4.0}))
        return pd.concat(frames, ignore_index=True)
    system = {"aucom_deepcod": "deepcod", "aucom_sensing": "sensing"}.get(run, "interpolation")
    rows = int(label.rsplit("_", 1)[1]) if system == "sensing" else 60
    frames = [coded(run, system, label, "librispeech", tau, rows, 0.6 + tau + 40 / rows, count)
              for tau in (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def write_folder(folder: Path, run: str, table: pd.DataFrame) -> None:
    """items.parquet and run.json."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "items.parquet", index=False)
    card = {"run": run, "init": "scratch", "init_steps": 0, "init_hours_seen": 0.0, "steps": 80, "batch": 8,
            "hours_seen": 0.9, "training_items": 400}  # fmt: skip
    counts = {str(corpus): int(part["segment_id"].nunique()) for corpus, part in table.groupby("corpus")}
    told = {"card": card, "row": {}, "parameters": {"encoder": 65_282, "decoder": 66_000}, "fingerprint": "0" * 16,
            "test_items": counts, "means": {}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(told))


def write_codec(folder: Path, run: str, rows: int, taus: list[float], count: int) -> None:
    """results/ of one codec."""
    frames = [coded(run, "codec", run, corpus, tau, rows, LOSS[run] + 0.02 * tau**1.9, count)
              for corpus in KIND for tau in taus]  # fmt: skip
    write_folder(folder, run, pd.concat(frames, ignore_index=True))
    rng = generator("rows", run)
    table = [
        (run, tau, row, bits(tau)["entropy"] * scale, max(bits(tau)["huffman"] * scale, 1.0), 750.0 * count)
        for tau in taus
        for row, scale in enumerate(rng.uniform(0.7, 1.3, rows))
    ]
    names = ["run", "tau", "row", "entropy_bits", "huffman_bits", "symbols"]
    pd.DataFrame(table, columns=names).to_parquet(folder / "rows.parquet", index=False)
    if run in ("aucom_v1", "aucom_v2", "aucom_v3"):
        write_latents(folder, run, rows)
        np.savez_compressed(folder / "look.npz", **look(run, rows, taus))  # type: ignore[arg-type]
        np.savez_compressed(folder / "audio.npz", **sounds())  # type: ignore[arg-type]


def write_latents(folder: Path, run: str, rows: int) -> None:
    """positions.parquet, densities.npz, normalisation.parquet: positions of unlike spread, a little skewed."""
    rng = generator("latents", run)
    size = rows * TIMES
    sigma = np.exp(rng.normal(0.4, 0.5, rows)).repeat(TIMES) * rng.uniform(0.95, 1.05, size)
    mu = rng.normal(0, 1.5, rows).repeat(TIMES) + rng.normal(0, 0.1, size)
    skew, excess = rng.normal(0.15, 0.25, size), rng.normal(0.3, 0.5, size)
    table = {"row": np.arange(rows).repeat(TIMES), "time": np.tile(np.arange(TIMES), rows), "mu": mu, "sigma": sigma,
             "skewness": skew, "kurtosis": excess, "ks": np.abs(rng.normal(0.04, 0.015, size)), "n": 300}  # fmt: skip
    pd.DataFrame(table).to_parquet(folder / "positions.parquet", index=False)
    places = [rows * k // 4 * TIMES + TIMES * k // 4 for k in (1, 2, 3)]
    own = rng.normal(0, 1, (300, 3)) + 0.1 * rng.standard_exponential((300, 3))
    picks = rng.integers(0, size, 4000)
    draws = rng.standard_normal(4000)
    np.savez_compressed(
        folder / "densities.npz", r=own * sigma[places] + mu[places], normalised=own,
        pooled=draws * sigma[picks] + mu[picks], pooled_normalised=draws,
    )  # fmt: skip
    steps = 2.0 ** np.arange(-3, 4)
    lines = []
    for kind, spread in (("raw", 2.4 + 0.05 * rows), ("normalised", 1.0 + 0.004 * rows)):
        for step in steps:
            entropy = max(np.log2(spread / step) + 2.05, 0.02)
            mean = min(step * (1.7 if kind == "normalised" else 1.0), 4.0) ** 2 / 12
            lines.append((kind, step, entropy, mean))
    pd.DataFrame(lines, columns=["kind", "step", "entropy_bits", "mse"]).to_parquet(
        folder / "normalisation.parquet", index=False
    )


def features(item: int) -> np.ndarray:
    """A voiced log-mel spectrogram (BINS, FRAMES)."""
    mel, time = np.arange(BINS)[:, None], np.arange(FRAMES)[None] / 100
    voice = np.sin(2 * np.pi * (1.3 + 0.3 * item) * time) ** 2
    ridge = np.exp(-(((mel - 18 - 8 * np.sin(3 * time)) / 6) ** 2)) + 0.7 * np.exp(-(((mel - 45) / 9) ** 2))
    return 6.0 + 9.0 * voice * ridge + generator("features", item).normal(0, 0.6, (BINS, FRAMES))


def look(run: str, rows: int, taus: list[float]) -> dict[str, np.ndarray]:
    """look.npz of two items."""
    rng = generator("look", run)
    out: dict[str, np.ndarray] = {}
    for k, corpus in enumerate(("librispeech", "esc50")):
        name, original = f"{corpus}-{7 * k:04d}", features(k)
        latent = rng.standard_normal((rows, TIMES))
        out[f"{name}/features"], out[f"{name}/latent"] = original.astype(np.float16), latent.astype(np.float16)
        for tau in taus:
            smooth = np.repeat(np.repeat(original[::4, ::4], 4, axis=0), 4, axis=1)
            share = min(1.0, 0.1 * tau)
            value = (1 - share) * original + share * smooth + rng.normal(0, 0.1 * tau, original.shape)
            out[f"{name}/tau{tau:g}"] = value.astype(np.float16)
            out[f"{name}/symbols{tau:g}"] = np.round(latent / tau).astype(np.int32)
    return out


def sounds() -> dict[str, np.ndarray]:
    """audio.npz of two items."""
    t = np.arange(80_000) / 16_000
    out = {}
    for k, corpus in enumerate(("librispeech", "esc50")):
        tone = 0.2 * sum(np.sin(2 * np.pi * (120 + 60 * k) * h * t) / h for h in range(1, 12)) * np.sin(4 * t) ** 2
        for number, version in enumerate(("clean", "features", *(f"tau{tau:g}" for tau in VERSIONS))):
            noise = 0.01 * number * generator("sound", k).standard_normal(len(t))
            out[f"{corpus}-{7 * k:04d}/{version}"] = (32767 * (tone + noise).clip(-1, 1)).astype(np.int16)
    return out
