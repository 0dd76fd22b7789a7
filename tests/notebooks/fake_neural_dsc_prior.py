"""Invented results of latent priors, and codecs and priors with random weights and a few items, for what the notebooks
of neural distributed source coding compute themselves; for tests only. Comes after fake_neural_dsc."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from thinwire.corpora.pairs import PairWriter
from thinwire.params import load_params
from thinwire.params.neural_dsc import NdscRow
from thinwire.segments import SegmentStore, SegmentWriter
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior
from thinwire.training.build import build_system
from thinwire.training.state import save_tensors, save_weights

CODECS = ("stereo_d_8x1", "stereo_d_8x2", "stereo_d_8x3", "stereo_d_8x8", "stereo_d_4x3", "stereo_d_4x4",
          "stereo_d_4x6", "stereo_d_2x3", "halves_d_4", "mel_d_8x2", "mel_d_8x8")  # fmt: skip
"""Those with a prior."""
NETS = (
    "halves_d_4", "mel_j_8x8", *(f"mel_{form}_{size}" for form in "ds" for size in ("8x2", "8x8", "4x4", "2x3")),
    "close_d_8x2", "close_d_8x8", "stereo_d_8x8",
)  # fmt: skip
"""Codecs whose weights and items are written; their priors' weights too."""
IDEAL = 0.75
"""Bits that a prior asks for, as a share of fixed length."""
SAMPLES = 10_960
"""64 mel frames, and a few samples that no map holds."""
RATE = 16_000


def write_priors(root: Path) -> None:
    """results/prior_<codec> of every codec with a prior."""
    for codec in CODECS:
        told = json.loads((root / "results" / codec / "run.json").read_text())
        items = pd.read_parquet(root / "results" / codec / "items.parquet")
        write_prior(root / "results" / f"prior_{codec}", codec, told, items[items["si"] == "correct"])


def write_prior(folder: Path, codec: str, told: dict, items: pd.DataFrame) -> None:
    """rates.parquet, bits.npz and run.json of a prior."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([47, *codec.encode()])
    fixed = items["fixed_bits"].to_numpy()
    ideal = fixed * rng.uniform(IDEAL - 0.05, IDEAL + 0.05, len(items))
    payload = 8.0 * np.ceil((ideal + 10.0) / 8.0)
    known = [name for name in ("bpp", "kbps") if name in items]
    rate = {name: payload * (items[name] / items["payload_bits"]).to_numpy() for name in known}
    rates = pd.DataFrame(
        {"segment_id": items["segment_id"], "run": folder.name, "codec": codec, "seed": 0, "fixed_bits": fixed,
         "entropy_bits": items["entropy_bits"], "ideal_bits": ideal, "reference_bits": np.ceil(ideal) + 1,
         "payload_bits": payload, "header_bits": 240.0} | rate
    )  # fmt: skip
    rates.to_parquet(folder / "rates.parquet", index=False)
    grid = told["grid"]
    each = {name: rng.gamma(2.0, 0.5, grid) for name in items["segment_id"].iloc[:2]}
    np.savez(folder / "bits.npz", **each)
    row = told["row"] | {"system": "neural_dsc_prior", "after": f"models/{codec}"}
    means = rates.select_dtypes("number").drop(columns="seed").mean().to_dict()
    facts = {"card": told["card"] | {"run": folder.name}, "row": row, "codec": codec, "grid": grid, "means": means,
             "parameters": {"embedding": 4000, "blocks": 60_000, "norm": 128, "logits": 4000},
             "fingerprint": "0" * 16, "test_items": told["test_items"]}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(facts))


def write_models(root: Path) -> None:
    """models/<run> and models/prior_<run> of NETS, with random weights; data/segments with items for them."""
    params = load_params(root / "params.yaml")
    for number, run in enumerate(NETS):
        told = json.loads((root / "results" / run / "run.json").read_text())
        row = NdscRow(**told["row"])
        with torch.random.fork_rng():
            torch.manual_seed(number)
            net = NeuralDsc(params.systems.neural_dsc, row, tuple(told["shape"]))
            prior = LatentPrior(params.systems.neural_dsc_prior, math.prod(told["grid"]), row.codewords)
            x = torch.randn(8, *told["shape"]) * 0.2
            net.train()(x, x, None, torch.Generator().manual_seed(1))
        for name, module in ((run, net), (f"prior_{run}", prior)):
            (root / "models" / name).mkdir(parents=True, exist_ok=True)
            save_weights(root / "models" / name / "model.safetensors", module)
        folder = root / "data" / "segments" / row.data
        if not (folder / "segments.parquet").exists():
            write_speech(folder) if row.domain == "mel" else write_images(folder, row.data, tuple(told["shape"]))


def write_images(folder: Path, corpus: str, shape: tuple[int, ...], count: int = 6) -> None:
    """Stripes, seen from two places, of three photographs."""
    rng = np.random.default_rng([53, *corpus.encode()])
    column = np.linspace(0.0, 1.0, shape[2])
    with PairWriter(folder, corpus, ["x", "y"]) as writer:
        for k in range(count):
            colour = rng.uniform(0.2, 0.8, (3, 1, 1))
            sides = []
            for shift in (0.0, 0.06):
                waves = np.sin(2 * np.pi * (2 + k) * (column + shift))[None, None, :] * np.ones(shape)
                sides.append((255 * np.clip(colour + 0.2 * waves, 0, 1)).astype(np.uint8))
            writer.put(*sides, segment_id=f"{corpus}-{k:04d}", split="eval", session=f"g{k % 3}",
                       start_s=0.0, end_s=0.0, snr_db=[], phones=[])  # fmt: skip


def write_speech(folder: Path, count: int = 6) -> None:
    """Tones that come and go before two microphones, in a session to train and a session to test on."""
    rng, t = np.random.default_rng(61), np.arange(SAMPLES) / RATE
    with SegmentWriter(folder, "chime6", ["U01.CH1", "U02.CH1", "U05.CH1", "U06.CH1"]) as writer:
        for split, k in ((split, k) for split in ("eval", "train") for k in range(count)):
            clean = 0.1 * np.sin(2 * np.pi * (150 + 60 * k) * t) * np.sin((4 + 3 * k) * t) ** 2
            noisy = np.stack([clean, 0.6 * clean, 0.5 * clean, 0.4 * clean]) + 0.003 * rng.standard_normal((4, SAMPLES))
            writer.add(noisy.astype(np.float32), clean.astype(np.float32), segment_id=f"mel-{split[0]}{k:04d}",
                       split=split, session=f"S-{split}", speaker=f"p{k % 3}", start_s=float(k),
                       end_s=k + SAMPLES / RATE)  # fmt: skip


def write_ndpca_models(root: Path) -> None:
    """models/ of two coders of the wing `ndpca`, with random weights and latents to fit their bottlenecks on."""
    params = load_params(root / "params.yaml")
    _, mics, samples = SegmentStore(root / "data" / "segments" / "chime6").load("eval").noisy.shape
    shape = {"mics": mics, "samples": samples}
    for number, run in enumerate(("e1_agnostic", "e4_ndpca_agnostic")):
        with torch.random.fork_rng():
            model = build_system(params, run, shape, number, to_train=False).deployed()
            latents = {f"z{i}": torch.randn(40, model.latent // model.groups).double() for i in range(model.groups)}
        folder = root / "models" / run
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(folder / "model.safetensors", model)
        save_tensors(folder / "latents.safetensors", latents | {"mean_spectrum": torch.ones(model.grid[1])})
        (folder / "config.json").write_text(json.dumps({"facts": shape}))


def write_joint_bits(root: Path) -> None:
    """results/e1_agnostic/bits.parquet of the wing `ndpca`, a little better than what e4_ndpca_agnostic has."""
    bits = pd.read_parquet(root / "results" / "e4_ndpca_agnostic" / "bits.parquet")
    bits.assign(psnr_magnitude=bits["psnr_magnitude"] + 0.2).to_parquet(
        root / "results" / "e1_agnostic" / "bits.parquet", index=False
    )
