"""A tiny workspace of invented but consistent results, in every shape that the stages leave; for tests of notebooks
only.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from thinwire.channel.capacity import budget, fading_trace
from thinwire.params import Params, load_params
from thinwire.params.ndpca import Run
from thinwire.segments import SegmentWriter

REPOSITORY = Path(__file__).resolve().parents[2]
ITEMS = 24
BINS, FRAMES = 65, 12
SOURCES = ["U01.CH1", "U02.CH1", "U03.CH1", "U04.CH1"]
IDS = [f"S21-{k:04d}" for k in range(ITEMS)]
BASE = {("E1D1", "ndpca"): 18.9, ("E2D1", "ndpca"): 18.6, ("E4D1", "ndpca"): 18.4, ("E4D1", "fixed"): 18.5}
LOSSES = ["mse", "cosine", "cosine_signed", "nuclear", "snr", "psnr", "magnitude"]


def make_workspace(folder: Path) -> Path:
    """Fill `folder` with parameters, claims, data, models and results of every run; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    tree["evaluation"]["bootstrap"] = 200
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    shutil.copytree(REPOSITORY / "papers", folder / "papers")
    params = load_params(folder / "params.yaml")
    write_data(folder / "data")
    for name, run in params.runs.ndpca.items():
        if run.system == "ndpca":
            write_run(folder, params, name, run)
    return folder


def write_data(folder: Path) -> None:
    """A segment table with audio, and one session of a simulated corpus with its scene."""
    rng = np.random.default_rng(1)
    t = np.arange(16_000) / 16_000
    with SegmentWriter(folder / "segments" / "chime6", "chime6", SOURCES) as writer:
        for k, name in enumerate(IDS):
            tone = sum(np.sin(2 * np.pi * (110 + 3 * k) * h * t + h) / h for h in range(1, 9))
            clean = 0.12 * tone * (0.2 + np.sin(2 * np.pi * 3 * t) ** 2)
            snr = np.array([12.0, 6.0, 3.0, 0.0]) + rng.normal(0, 3, 4)
            noise = rng.standard_normal((4, len(t))) * np.sqrt(np.mean(clean**2)) * 10 ** (-snr[:, None] / 20)
            row = {
                "segment_id": name,
                "split": "eval",
                "session": "S21",
                "speaker": "P45",
                "start_s": float(k),
                "end_s": k + 1.0,
            }
            writer.add((0.4 * (clean + noise)).astype(np.float32), clean.astype(np.float32), **row, snr_db=list(snr))
    home = folder / "sim" / "chime6"
    for kind in ("audio", "transcriptions", "scene"):
        (home / kind / "eval").mkdir(parents=True)
    (home / "transcriptions" / "eval" / "S21.json").write_text("[]")
    for k in range(4):
        (home / "audio" / "eval" / f"S21_P{45 + k}.wav").touch()
    for k in range(6):
        for c in range(4):
            (home / "audio" / "eval" / f"S21_U{k + 1:02d}.CH{c + 1}.wav").touch()
    (home / "scene" / "eval" / "S21.json").write_text(json.dumps(scene()))


def scene() -> dict:
    """A session's geometry as the simulator writes it."""
    walls = [(0.9, 0.15, 1.2), (4.4, 0.15, 1.5), (5.85, 1.7, 1.0), (5.0, 4.05, 1.8), (1.3, 4.05, 1.1), (0.15, 2.2, 1.6)]
    arrays = [
        {
            "array": f"U{k + 1:02d}",
            "channels": [
                {"channel": f"CH{c + 1}", "snr_db": 9.0 - k, "position_m": [x + 0.04 * c, y, z]} for c in range(4)
            ],
        }
        for k, (x, y, z) in enumerate(walls)
    ]
    talkers = [
        {
            "speaker": f"P{45 + k}",
            "worn": [{"snr_db": 20.0}] * 2,
            "position_m": [x, y, 1.2],
            "ears_m": [[x - 0.08, y, 1.2], [x + 0.08, y, 1.2]],
        }
        for k, (x, y) in enumerate([(2.4, 1.5), (3.6, 1.6), (3.5, 2.7), (2.5, 2.8)])
    ]
    noises = [{"kind": "fan", "position_m": [5.2, 3.4, 2.0]}, {"kind": "babble", "position_m": None}]
    room = {"id": "room-07", "dimensions_m": [6.0, 4.2, 2.7], "rt60_s": 0.35, "source": "shoebox"}
    return {"session": "S21", "split": "eval", "room": room, "talkers": talkers, "arrays": arrays, "noises": noises}


def modes(run: Run) -> list[str]:
    """The bottlenecks under which evaluation measures a run; its own first."""
    every = {"ndpca": ["ndpca", "pca_equal"], "plain": ["truncate", "pca_equal"], "fixed": ["fixed"]}[run.bottleneck]
    return every[:1] if run.arch == "E1D1" else every


def items(params: Params, name: str, run: Run) -> pd.DataFrame:
    """items.parquet: PSNR rises with m and falls with worse systems; perceptual measures on a few items and
    bandwidths.
    """
    settings = params.evaluation.ndpca
    rng = np.random.default_rng([7, *name.encode()])
    own = np.random.default_rng(3).normal(0, 1.2, ITEMS)  # what makes an item hard is the same for every system
    aware = run.setting == "aware"
    weight = run.lambda_perc if aware else 0.0
    frames = []
    for mode in modes(run):
        for m in [run.fixed_m] if run.fixed_m else settings.grid:
            octave = np.log2(m)
            level = BASE.get((run.arch, mode), 18.0 if mode == "pca_equal" else 16.2 + (run.arch == "E2D1") * 0.3)
            mean = level + (0.28 if mode != "truncate" else 0.42) * octave - 0.2 * aware - 0.02 * weight
            psnr = mean + own + rng.normal(0, 0.15, ITEMS)
            own_bottleneck = mode == modes(run)[0]
            some = (np.arange(ITEMS) % 2 == 0) & own_bottleneck
            real = some & aware & (m in settings.perceptual_grid or mode == "fixed")
            few = (np.arange(ITEMS) % 4 == 0) & own_bottleneck
            blank = {c: np.where(real, rng.normal(0, 0.05, ITEMS), np.nan) for c in ("b", "c")}
            base = {"psnr_paper": psnr - 8, "psnr_complex": psnr - 3, "pesq": 1.4, "stoi": 0.6, "si_sdr": -20.0}
            base |= {"psnr_enhanced": psnr + 0.3, "snr_spectral_enhanced": psnr - 8.7}
            base |= {f"{c}_enhanced": base[c] + 0.1 for c in ("psnr_paper", "psnr_complex", "pesq", "stoi", "si_sdr")}
            base |= {f"{c}_noisy": x - 0.2 for c, x in base.items()}
            waveform = {c: np.where(few, x + rng.normal(0, 0.05, ITEMS), np.nan) for c, x in base.items()}
            frames.append(
                pd.DataFrame(
                    {
                        "segment_id": IDS,
                        "speaker": "P45",
                        "room": "room-07",
                        "noise": "n1",
                        "run": name,
                        "seed": 0,
                        "arch": run.arch,
                        "representation": run.representation,
                        "setting": run.setting,
                        "lambda_perc": weight,
                        "bottleneck": mode,
                        "m": m,
                        "psnr_magnitude": psnr,
                        "psnr_magnitude_noisy": psnr - 2 + 0.4 * aware,
                        "snr_spectral": psnr - 9,
                        "snr_spectral_noisy": psnr - 10,
                        "mse": 0.01,
                        "distortion": np.where(
                            some, 0.9 - 0.05 * octave + 0.01 * weight + rng.normal(0, 0.01, ITEMS), np.nan
                        ),
                        **waveform,
                        "plcmos": 2.0 + 0.02 * weight + 0.1 * octave + blank["b"],
                        "logit_gap": 0.5 - 0.012 * weight - 0.02 * octave + blank["c"] / 5,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def write_run(root: Path, params: Params, name: str, run: Run) -> None:
    """models/<run> and results/<run>."""
    model, results = root / "models" / name, root / "results" / name
    model.mkdir(parents=True)
    results.mkdir(parents=True)
    card = {
        "run": name,
        "init": "scratch",
        "init_steps": 0,
        "init_hours_seen": 0.0,
        "steps": run.steps,
        "batch": 144,
        "hours_seen": 16.0,
        "training_items": 900,
    }
    (model / "card.json").write_text(json.dumps(card))
    (model / "config.json").write_text(json.dumps({"run": run.model_dump(), "mics": 4, "samples": 16_000}))
    table = curves(run, name)
    table.to_csv(model / "curves.tsv", sep="\t", index=False)
    last = {
        str(s): {k: float(v) for k, v in row.dropna().items()} for s, row in table.groupby("split").last().iterrows()
    }
    (results / "losses.json").write_text(json.dumps({"test": last["dev"], **last}))
    peak = "MAX is the largest ground-truth compressed magnitude of each item"
    levels = {
        "zero": 13.2,
        "mean_spectrum": 16.4,
        "peak": peak,
        "test_items": ITEMS,
        "training_items": 900,
        "card": card,
    }
    (results / "baselines.json").write_text(json.dumps(levels))
    items(params, name, run).to_parquet(results / "items.parquet", index=False)
    if run.setting == "agnostic" and run.arch == "E4D1" and not run.fixed_m:
        write_allocation(results, params, run)
        bits(run).to_parquet(results / "bits.parquet", index=False)
        (root / "data" / "channel").mkdir(parents=True, exist_ok=True)
        follow(params).to_parquet(root / "data" / "channel" / f"{name}.parquet", index=False)
        np.savez_compressed(results / "look.npz", **look(params))  # type: ignore[arg-type]
        np.savez_compressed(results / "audio.npz", **sounds())  # type: ignore[arg-type]


def curves(run: Run, name: str) -> pd.DataFrame:
    """curves.tsv: falling losses, with the empty training row of step 0."""
    rng = np.random.default_rng([9, *name.encode()])
    rows = []
    names = LOSSES + (["task", "perceptual"] if run.setting == "aware" else [])
    for step in np.linspace(0, run.steps, 9).round().astype(int):
        for split in ("train", "dev"):
            height = (0.2 + np.exp(-step / 90)) * (1.0 + 0.04 * (run.arch == "E4D1")) * rng.normal(1, 0.01)
            row: dict[str, object] = {"step": step, "split": split}
            if step or split == "dev":
                row |= {loss: height * (1 + k / 5) for k, loss in enumerate(names)} | {"total": height}
                row |= {
                    "psnr": -10 - 8 * (1 - height),
                    "snr": -4 - 8 * (1 - height),
                    "nuclear": 0.05 + rng.uniform(0, 0.1),
                }
                row |= {"cosine": 0.0, "cosine_signed": 0.0} if run.arch == "E1D1" else {}
            rows.append(row)
    return pd.DataFrame(rows)


def write_allocation(results: Path, params: Params, run: Run) -> None:
    """allocation.parquet and scene_allocation.parquet."""
    rng = np.random.default_rng(11)
    grid, share = params.evaluation.ndpca.grid, np.array([0.4, 0.3, 0.2, 0.1])
    fixed, scenes = [], []
    for m in grid:
        order = rng.permutation(4)
        counts = np.floor(share * m).astype(int)
        counts[order[: m - counts.sum()]] += 1
        for mode in modes(run):
            equal = np.full(4, m // 4) + (np.arange(4) < m % 4)
            chosen = counts if mode == "ndpca" else equal
            fixed += [
                {"bottleneck": mode, "m": m, "source": s, "components": int(c)}
                for s, c in zip(SOURCES, chosen, strict=True)
            ]
        for name in IDS:
            snr = np.array([12.0, 6.0, 3.0, 0.0]) + rng.normal(0, 4, 4)
            drawn = rng.multinomial(m, np.exp(snr / 10) / np.exp(snr / 10).sum())
            scenes += [
                {"m": m, "segment_id": name, "source": s, "components": int(c), "snr_db": float(x)}
                for s, c, x in zip(SOURCES, drawn, snr, strict=True)
            ]
    pd.DataFrame(fixed).to_parquet(results / "allocation.parquet", index=False)
    pd.DataFrame(scenes).to_parquet(results / "scene_allocation.parquet", index=False)


def bits(run: Run) -> pd.DataFrame:
    """bits.parquet: an NDPCA run holds the variable scheme, a plain one the fixed scheme."""
    rng = np.random.default_rng(13)
    scheme = "ndpca" if run.bottleneck == "ndpca" else "full_latent"
    rows = []
    for kbps in (0.2, 0.4, 0.8, 1.6):
        for name in IDS:
            payload = kbps * 1000 - 176 + rng.integers(-24, 1)
            psnr = 17.5 + 0.5 * np.log2(kbps / 0.05) - (scheme != "ndpca") + rng.normal(0, 0.3)
            rows.append(
                {
                    "scheme": scheme,
                    "kbps_target": kbps,
                    "segment_id": name,
                    "bits_total": payload + 176.0,
                    "bits_header": 176.0,
                    "bits_payload": payload,
                    "bits_entropy": payload * 0.99,
                    "m_used": max(1, int(payload / 9)),
                    "psnr_magnitude": psnr,
                }
            )
    return pd.DataFrame(rows)


def follow(params: Params) -> pd.DataFrame:
    """follow.parquet: a real budget on a fading trace, with an invented PSNR."""
    channel = params.channel
    trace = fading_trace(channel.seconds, channel.bandwidth_hz, channel.mean_snr_db, channel.correlation, 5)
    m = budget(trace.bits_per_s, 10.0 ** (channel.sigma2_over_d_db / 10.0), 1.0, channel.symbols_per_float)
    sent = np.minimum(m, params.systems.ndpca.shape.latent)
    noise = np.random.default_rng(17).normal(0, 0.8, len(m))
    return pd.DataFrame(
        {
            "t_s": np.arange(len(m)),
            "capacity_bps": trace.bits_per_s,
            "m": m,
            "m_sent": sent,
            "psnr_magnitude": 17 + 0.4 * np.log2(sent + 1) + noise,
            "segment_id": [IDS[t % ITEMS] for t in range(len(m))],
        }
    )


def look(params: Params) -> dict[str, np.ndarray]:
    """look.npz of two items."""
    rng = np.random.default_rng(19)
    size = params.systems.ndpca.shape.latent // 4
    values = np.sort(rng.gamma(1.0, 1.0, (4, size)) * np.array([[4.0], [3.0], [2.0], [1.0]]), axis=1)[:, ::-1]
    order = np.array(sorted(((k, j) for k in range(4) for j in range(size)), key=lambda place: -values[place]))
    out = {
        "segment_ids": np.array(IDS[:2]),
        "mean": np.zeros((4, size), np.float32),
        "singular_values": values.astype(np.float32),
        "directions": np.stack([np.linalg.qr(rng.standard_normal((size, size)))[0] for _ in range(4)]).astype(
            np.float32
        ),
        "order_source": order[:, 0],
        "order_index": order[:, 1],
    }
    shape = np.exp(-np.arange(BINS) / 14)[:, None] * (1 + np.sin(np.arange(FRAMES) / 1.7))[None]
    for i in range(2):
        clean = shape * rng.uniform(0.6, 1.4, (BINS, FRAMES))
        z = rng.standard_normal((4, size)) * 2
        out |= {
            f"item{i}/clean": clean.astype(np.float16),
            f"item{i}/z": z.astype(np.float32),
            f"item{i}/x": (clean[None] + rng.uniform(0, 0.3, (4, BINS, FRAMES))).astype(np.float16),
        }
        layers = [("projection", FRAMES), ("down", 3), ("residual", 3)]
        maps = [(f"encoder_{e}_{layer}", 48, frames) for layer, frames in layers for e in (1, 2, 3, 4)]
        maps += [("decoder_from_latent", 160, 3), ("decoder_up", 160, FRAMES)]
        for k, (name, channels, frames) in enumerate(maps):
            out[f"item{i}/feature/{k}_{name}"] = rng.standard_normal((channels, frames)).astype(np.float16)
        for m in params.evaluation.ndpca.grid:
            keep = np.zeros((4, size))
            keep[tuple(order[:m].T)] = 1
            out[f"item{i}/z_hat/m{m}"] = (z * keep).reshape(-1).astype(np.float32)
            out[f"item{i}/x_hat/m{m}"] = (
                (clean + rng.normal(0, 0.3 / np.log2(m + 1), clean.shape)).clip(0).astype(np.float16)
            )
    return out


def sounds() -> dict[str, np.ndarray]:
    """audio.npz of two segments."""
    rng = np.random.default_rng(23)
    t = np.arange(16_000) / 16_000
    out = {}
    for name in IDS[:2]:
        voice = np.sin(2 * np.pi * 220 * t) * np.sin(2 * np.pi * 2 * t) ** 2
        for version, level in {
            "clean": 0.0,
            "noisy": 0.3,
            "m4": 0.2,
            "m16": 0.1,
            "m128": 0.05,
            "kbps0.1": 0.1,
            "enhanced": 0.02,
        }.items():
            out[f"{name}/{version}"] = (
                (8000 * (voice + level * rng.standard_normal(len(t)))).clip(-32768, 32767).astype(np.int16)
            )
    return out
