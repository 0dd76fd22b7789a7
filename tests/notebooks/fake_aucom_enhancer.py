"""Invented but consistent results of AUCOM's enhancer, in every shape that its stage leaves; for tests only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

RUN = "aucom_enhancer"
RATE = 16_000
NOISES = ("bus", "cafe", "living", "office", "square")
SNR_DB = (2.5, 7.5, 12.5, 17.5)
HARM = {"clean": 0.02, "noisy": 0.45, "enhanced": 0.3}
"""How much of the words a path loses at 0 dB."""


def write_enhancer(root: Path, count: int = 24, gain: float = 1.0) -> None:
    """results/aucom_enhancer with `count` pairs; `gain` scales what enhancing does, below zero it harms."""
    folder = root / "results" / RUN
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"p232_{k:03d}" for k in range(count)]
    rng = np.random.default_rng(41)
    snr = np.array([SNR_DB[k % 4] for k in range(count)]) + rng.normal(0, 0.6, count)
    pairs(ids, snr, gain).to_parquet(folder / "items.parquet", index=False)
    tasks(ids, snr, gain).to_parquet(folder / "tasks.parquet", index=False)
    np.savez_compressed(folder / "audio.npz", **sounds(ids[:3]))  # type: ignore[arg-type]
    card = {"run": RUN, "init": "scratch", "init_steps": 0, "init_hours_seen": 0.0, "steps": 80, "batch": 8,
            "hours_seen": 0.2, "training_items": 300}  # fmt: skip
    told = {"card": card, "row": {}, "parameters": {"enhancer": 30_000}, "fingerprint": "0" * 16,
            "test_items": {"voicebank": count}, "means": {}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(told))


def pairs(ids: list[str], snr: np.ndarray, gain: float) -> pd.DataFrame:
    """items.parquet: noisy scores rise with SNR, gains fall."""
    rng, count = np.random.default_rng(43), len(ids)
    hard = rng.normal(0, 1, count)
    frames = []
    for signal in ("noisy", "enhanced"):
        more = gain * (0.5 - 0.02 * snr) * (signal == "enhanced")
        level = {"pesq": (1.2, 0.055, 1.0), "csig": (2.5, 0.06, 0.9), "cbak": (1.9, 0.06, 1.2),
                 "covl": (1.8, 0.06, 1.0)}  # fmt: skip
        scores = {name: start + slope * snr + 0.1 * hard + share * more + 0.04 * rng.standard_normal(count)
                  for name, (start, slope, share) in level.items()}  # fmt: skip
        table = {"run": RUN, "seed": 1, "segment_id": ids, "speaker": "p232", "snr_db": snr, "signal": signal,
                 "noise": [NOISES[k % 5] for k in range(count)], **scores,
                 "ssnr": -3 + 0.6 * snr + hard + 10 * more + 0.3 * rng.standard_normal(count),
                 "stoi": np.clip(0.85 + 0.006 * snr + 0.02 * hard + 0.04 * more, 0, 1),
                 "si_sdr": snr + 12 * more}  # fmt: skip
        frames.append(pd.DataFrame(table))
    return pd.concat(frames, ignore_index=True)


def tasks(ids: list[str], snr: np.ndarray, gain: float) -> pd.DataFrame:
    """tasks.parquet: enhancing saves some of the words that noise costs; the gate opens at low SNR."""
    rng, count = np.random.default_rng(47), len(ids)
    words = rng.integers(4, 12, count)
    opened = snr + rng.normal(0, 1.5, count) < 9.0
    frames = []
    for coded, more in (("lossless", 0.05), ("aucom_v1", 0.12)):
        errors = {}
        for path, harm in HARM.items():
            if path == "enhanced":
                harm = HARM["noisy"] + gain * (harm - HARM["noisy"])
            errors[path] = rng.binomial(words, np.clip(more + harm * np.exp(-snr / 8), 0, 1)).astype(float)
        errors["gated"] = np.where(opened, errors["enhanced"], errors["noisy"])
        for path, made in errors.items():
            table = {"run": RUN, "segment_id": ids, "snr_db": snr, "path": path, "coded": coded,
                     "truth": "some words", "answer": "sum words", "words": words.astype(float), "word_errors": made,
                     "correct": np.nan, "gate_open": opened}  # fmt: skip
            frames.append(pd.DataFrame(table))
    return pd.concat(frames, ignore_index=True)


def sounds(ids: list[str]) -> dict[str, np.ndarray]:
    """audio.npz: a tone that comes and goes, in less noise once enhanced."""
    rng, t = np.random.default_rng(53), np.arange(2 * RATE) / RATE
    out = {}
    for k, name in enumerate(ids):
        clean = 0.1 * np.sin(2 * np.pi * (200 + 90 * k) * t) * np.sin(3 * t) ** 2
        noise = 0.03 * rng.standard_normal(len(t))
        for version, level in (("clean", 0.0), ("noisy", 1.0), ("enhanced", 0.3)):
            out[f"{name}/{version}"] = (32767 * (clean + level * noise).clip(-1, 1)).astype(np.int16)
    return out
