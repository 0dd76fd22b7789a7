"""Invented but consistent results of the codecs of neural distributed source coding and of what they are compared with,
in the shapes that `thinwire.evaluation.neural_dsc` leaves; for tests only."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thinwire.evaluation.sounds import save_audio
from thinwire.systems.neural_dsc import toy
from thinwire.systems.neural_dsc.delbo import check_proposition
from thinwire.systems.neural_dsc.gradient_coders import coders_in_use
from thinwire.systems.neural_dsc.slepian_wolf import DECODINGS, copying_bler, slepian_wolf_limit

RUNS = (
    *(f"mel_{form}_{size}" for form in "djs" for size in ("8x2", "8x8", "4x4", "2x3")),
    "stft_d_8x4", "stft_j_8x4", "stft_s_8x4", "stft_d_4x6", "stft_s_4x6",
    "close_d_8x2", "close_j_8x8", "close_d_8x8", "close_s_8x8",
    "stereo_d_8x1", "stereo_d_8x2", "stereo_d_8x3", "stereo_d_8x8", "stereo_d_4x3", "stereo_d_4x4", "stereo_d_4x6",
    "stereo_d_2x3", "stereo_j_8x2", "stereo_s_8x2", "stereo_j_4x4", "stereo_s_4x4",
    *(f"halves_{form}_{bits}" for form in "jds" for bits in (1, 2, 4)),
    "grad_j", "grad_d", "grad_s", "bits_d", "bits_j", "bits_s",
)  # fmt: skip
FORM = {"j": "joint", "d": "distributed", "s": "separate"}
SHAPE = {"mel": (1, 80, 64), "stft": (2, 256, 64), "stereo": (3, 64, 128), "halves": (3, 32, 64),
         "gradients": (412,), "bits": (648,)}  # fmt: skip
LEVEL = {"mel": 5.0, "stft": 4.5, "stereo": 20.0, "halves": 19.0, "gradients": 8.0}
"""PSNR (dB) of the separate form at no rate at all."""
GAIN = {"joint": 1.4, "distributed": 1.25, "separate": 0.0}
HARM = {"correct": 0.0, "wrong": 1.6, "random": 2.2, "absent": 1.1}
SIDES = tuple(HARM)
SECONDS = 1.024
EVAL_P = (0.0006, 0.0012, 0.003, 0.006, 0.0114, 0.02, 0.03, 0.04)
BLOCKS, KEPT, EPOCHS, SEEDS = 20, 2, 16, 3


def write_wing(root: Path, count: int = 16) -> None:
    """results/ of every codec (`count` test items each) and of what they are compared with."""
    for run in RUNS:
        folder = root / "results" / run
        folder.mkdir(parents=True, exist_ok=True)
        row = row_of(run)
        table = blocks(run, row) if row["domain"] == "bits" else items(run, row, count)
        table.to_parquet(folder / "items.parquet", index=False)
        if run == "mel_d_8x8":  # as if a recording had been named
            heard = [table.assign(mic=mic) for mic in (2, 3)]
            pd.concat(heard, ignore_index=True).to_parquet(folder / "recording.parquet", index=False)
        write_facts(folder, run, row, table)
        write_kept(folder, run, row, table["segment_id"].unique()[:KEPT])
    write_compared(root / "results" / "neural_dsc_compared", count)


def generator(*parts: object) -> np.random.Generator:
    """Noise that belongs to a name."""
    return np.random.default_rng([43, *"/".join(map(str, parts)).encode()])


def row_of(run: str) -> dict[str, Any]:
    """The fields of a codec's row that its name says."""
    kind, form, *size = run.split("_")
    found = re.fullmatch(r"(?:(\d)x)?(\d+)", size[0]) if size else None
    bits = int(found[2]) if found else {"grad": 8, "bits": 1}[kind]
    domain = {"close": "mel", "grad": "gradients"}.get(kind, kind)
    return {"system": "neural_dsc", "data": domain, "after": "none", "steps": 80, "domain": domain,
            "form": FORM[form], "bits": bits, "downsample": int(found[1]) if found and found[1] else 8,
            "pair": "close" if kind == "close" else "mic2"}  # fmt: skip


def grid_of(row: dict[str, Any]) -> tuple[int, ...]:
    """The grid of a codec's indices."""
    if row["domain"] in ("gradients", "bits"):
        return ({"gradients": 40, "bits": 162}[row["domain"]],)
    _, height, width = SHAPE[row["domain"]]
    return height // row["downsample"], width // row["downsample"]


def rates(row: dict[str, Any], count: int, rng: np.random.Generator) -> dict[str, Any]:
    """What items cost without a prior."""
    fixed = math.prod(grid_of(row)) * row["bits"]
    payload = 8.0 * math.ceil(fixed / 8)
    costs: dict[str, Any] = {"fixed_bits": float(fixed), "payload_bits": payload, "header_bits": 240.0,
                             "entropy_bits": fixed * rng.uniform(0.85, 0.95, count)}  # fmt: skip
    if row["domain"] in ("mel", "stft"):
        return costs | {"kbps": payload / SECONDS / 1000.0}
    if row["domain"] in ("stereo", "halves"):
        return costs | {"bpp": payload / math.prod(SHAPE[row["domain"]][1:])}
    return costs


def items(run: str, row: dict[str, Any], count: int) -> pd.DataFrame:
    """items.parquet of maps and gradients; what makes an item hard is the same for every codec of a domain."""
    domain = row["domain"]
    hard = generator(domain).normal(0.0, 1.0, count)
    code_bits = math.prod(grid_of(row)) * row["bits"] / math.prod(SHAPE[domain])
    parts = []
    for si in SIDES:
        rng = generator(run, si)
        harm = HARM[si] if row["form"] != "separate" else 0.0
        psnr = LEVEL[domain] + 9.0 * np.sqrt(code_bits) + GAIN[row["form"]] - harm + hard + rng.normal(0, 0.15, count)
        mse = 10.0 ** (-psnr / 10.0)
        variance = {"stereo": 0.045, "halves": 0.06}.get(domain, 1.0)
        part: dict[str, Any] = {
            "segment_id": [f"{domain}-{k:04d}" for k in range(count)], "group": [f"g{k % 6}" for k in range(count)],
            "si": si, "run": run, "seed": 0, "mse": mse, "psnr": psnr, "explained": 1.0 - mse / variance,
        }  # fmt: skip
        if domain in ("stereo", "halves"):
            part["ms_ssim"] = np.clip(0.9 + 0.01 * (psnr - 22.0), 0.0, 1.0)
        elif domain == "gradients":
            energy = np.exp(generator("energy").normal(-3.0, 0.8, count))
            part |= {"energy": energy, "sse": energy * mse}
        else:
            part |= {"lsd": 14.0 - psnr, "level_db": rng.normal(-0.5, 0.4, count) - harm, "stoi": np.nan,
                     "pesq": np.nan, "si_sdr": psnr - 4.0 if domain == "stft" else np.nan}  # fmt: skip
            if si == "correct":
                heard = np.arange(count) % 2 == 0
                part |= {"stoi": np.where(heard, 0.5 + 0.03 * psnr, np.nan),
                         "pesq": np.where(heard, 1.1 + 0.1 * psnr, np.nan)}  # fmt: skip
        if si == "correct":
            part |= rates(row, count, rng)
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def flips(p: float) -> np.ndarray:
    """How many bits of the side information of each block are wrong."""
    return generator("flips", p).binomial(648, p, BLOCKS)


def block_ids(p: float) -> list[str]:
    """Names of the test blocks at a probability."""
    return [f"eval-p{p:g}-{k:03d}" for k in range(BLOCKS)]


def blocks(run: str, row: dict[str, Any]) -> pd.DataFrame:
    """items.parquet of bits: a codec that copies the side information and now and then spoils a bit."""
    parts = []
    for si in SIDES:
        for p in EVAL_P:
            rng = generator(run, si, p)
            wrong = flips(p) + (rng.uniform(size=BLOCKS) < 0.02) if si == "correct" else rng.binomial(648, 0.5, BLOCKS)
            part = {"segment_id": block_ids(p), "group": "", "p": p, "si": si, "run": run, "seed": 0,
                    "bit_errors": wrong, "block_error": (wrong > 0).astype(float)}  # fmt: skip
            costs = rates(row, BLOCKS, rng) if si == "correct" else {}
            parts.append(pd.DataFrame(part | costs))
    return pd.concat(parts, ignore_index=True)


def write_facts(folder: Path, run: str, row: dict[str, Any], table: pd.DataFrame) -> None:
    """run.json."""
    card = {"run": run, "init": "scratch", "init_steps": 0, "init_hours_seen": 0.0, "steps": 80, "batch": 16,
            "hours_seen": 0.4, "training_items": 300}  # fmt: skip
    means = table[table["si"] == "correct"].select_dtypes("number").drop(columns="seed").mean().dropna()
    told = {"card": card, "row": row, "parameters": {"encoder": 21_000, "decoder": 34_000, "quantiser": 0},
            "shape": SHAPE[row["domain"]], "grid": grid_of(row), "fingerprint": "0" * 16,
            "seconds": SECONDS if row["domain"] in ("mel", "stft") else None,
            "test_items": int(table["segment_id"].nunique()), "means": means.to_dict()}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(told))


def source(domain: str, item: str) -> tuple[np.ndarray, np.ndarray]:
    """x and y of a kept item."""
    rng, shape = generator("x", domain, item), SHAPE[domain]
    if domain == "bits":
        x = rng.integers(0, 2, shape)
        return x.astype(np.float32), (x ^ (rng.uniform(size=shape) < 0.01)).astype(np.float32)
    if domain == "gradients":
        both = rng.normal(0, 0.01, shape)
        return tuple((both + rng.normal(0, 0.004, shape)).astype(np.float32) for _ in range(2))  # type: ignore[return-value]
    row, column = (np.linspace(0, 1, n) for n in shape[1:])
    waves = np.sin(7 * row[None, :, None] + rng.uniform(3, 9, (shape[0], 1, 1)) * column[None, None, :])
    scale = 0.35 if domain in ("stereo", "halves") else 1.5
    return tuple((scale * waves + rng.normal(0, 0.05 * scale, shape)).astype(np.float32) for _ in range(2))  # type: ignore[return-value]


def write_kept(folder: Path, run: str, row: dict[str, Any], names: np.ndarray) -> None:
    """usage.parquet, look.npz, and audio.npz of speech."""
    rng, domain, codewords = generator("kept", run), row["domain"], 1 << row["bits"]
    usage = pd.DataFrame({"codeword": np.arange(codewords), "count": rng.poisson(40.0, codewords)})
    usage.to_parquet(folder / "usage.parquet", index=False)
    kept: dict[str, np.ndarray] = {}
    sounds: dict[str, np.ndarray] = {}
    for item in names:
        x, y = source(domain, item)
        kept |= {f"{item}/x": x, f"{item}/y": y, f"{item}/indices": rng.integers(0, codewords, grid_of(row))}
        for si in SIDES:
            if domain == "bits":
                kept[f"{item}/{si}"] = y if si == "correct" else rng.integers(0, 2, x.shape).astype(np.float32)
            else:
                noise = (0.2 + 0.1 * HARM[si]) * x.std() * rng.standard_normal(x.shape)
                kept[f"{item}/{si}"] = (0.9 * x + noise).astype(np.float32)
        if domain in ("mel", "stft"):
            tone = 0.05 * np.sin(2 * np.pi * 220 * np.arange(int(SECONDS * 16_000)) / 16_000)
            sounds |= {f"{item}/{name}": tone + 0.004 * k * rng.standard_normal(len(tone))
                       for k, name in enumerate(("clean", "map", *SIDES))}  # fmt: skip
    np.savez(folder / "look.npz", **kept)
    if sounds:
        save_audio(folder / "audio.npz", sounds)


def write_compared(folder: Path, count: int) -> None:
    """results/neural_dsc_compared; the 3-bit example and Proposition 1 are the real ones."""
    folder.mkdir(parents=True, exist_ok=True)
    toy.enumerate_pairs().to_parquet(folder / "toy.parquet", index=False)
    check_proposition(generator("delbo"), 30).to_parquet(folder / "delbo.parquet", index=False)
    flipped().to_parquet(folder / "flipped.parquet", index=False)
    gradients(count).to_parquet(folder / "gradients.parquet", index=False)
    federated().to_parquet(folder / "federated.parquet", index=False)
    limits = {"fewest_messages": {form: toy.fewest_messages(form) for form in ("joint", "distributed", "separate")},
              "entropies": toy.entropies(), "slepian_wolf_limit": slepian_wolf_limit()}  # fmt: skip
    (folder / "compared.json").write_text(json.dumps(limits))


def flipped() -> pd.DataFrame:
    """Block errors of copying and of syndrome decoding."""
    reach = {"proper": 0.02, "proper, 6 iterations": 0.017, "unit ratio": 0.0014, "dense matrix": 0.002,
             "reference": 0.0011}  # fmt: skip
    assert set(reach) == set(DECODINGS)
    parts = []
    for p in EVAL_P:
        wrong = {"copying": flips(p)}
        for name, point in reach.items():
            failed = generator(name, p).uniform(size=BLOCKS) < 1.0 / (1.0 + (point / p) ** 4)
            wrong[name] = np.where(failed, np.maximum(flips(p), 3), 0)
        for name, errors in wrong.items():
            parts.append(pd.DataFrame({"decoder": name, "p": p, "segment_id": block_ids(p),
                                       "block_error": (errors > 0).astype(float), "bit_errors": errors}))  # fmt: skip
        parts.append(pd.DataFrame([{"decoder": "copying, exact", "p": p, "block_error": float(copying_bler(p))}]))
    return pd.concat(parts, ignore_index=True)


COST = {"grad_j": 0.118, "grad_d": 0.122, "grad_s": 0.161, "uncompressed": 0.0, "copy": 0.3, "qsgd": 1.6,
        "top_k": 0.55, "random_k": 12.0, "coordinate_sampling": 3.0}  # fmt: skip
"""Squared error of each gradient coder over the gradient's energy."""


def bits_of() -> dict[str, int]:
    """Bits that each gradient coder may spend."""
    used = {coder.name: sum(coder.spending.values()) for coder in coders_in_use(412, 320)}
    return dict.fromkeys(("grad_j", "grad_d", "grad_s"), 320) | used


def gradients(count: int) -> pd.DataFrame:
    """Every coder on the same test gradients."""
    energy = np.exp(generator("energy").normal(-3.0, 0.8, count))
    return pd.concat(
        [
            pd.DataFrame(
                {"coder": coder, "bits": bits, "segment_id": [f"gradients-{k:04d}" for k in range(count)],
                 "step": np.linspace(0.0, 1.0, count), "message_bits": 8 * (bits // 8), "energy": energy,
                 "sse": energy * COST[coder] * np.exp(generator("sse", coder).normal(0, 0.2, count))}
            )
            for coder, bits in bits_of().items()
        ],
        ignore_index=True,
    )  # fmt: skip


def federated() -> pd.DataFrame:
    """Training curves that slow down with a coder's error."""
    epoch = np.arange(EPOCHS + 1.0)
    parts = []
    for coder, bits in bits_of().items():
        for seed in range(SEEDS):
            pace = 4.0 * (1.0 + 0.15 * COST[coder]) * float(np.exp(generator(coder, seed).normal(0, 0.08)))
            loss = 0.25 + 2.05 * np.exp(-epoch / pace)
            sent = np.where(epoch > 0, 1.0, np.nan)
            parts.append(
                pd.DataFrame({"coder": coder, "bits": bits, "seed": seed, "step": 11 * epoch.astype(int), "loss": loss,
                              "test_loss": loss + 0.06, "accuracy": 0.1 + 0.82 * (1 - np.exp(-epoch / pace)),
                              "message_bits": bits * sent, "error": COST[coder] * sent, "epoch": epoch})
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)
