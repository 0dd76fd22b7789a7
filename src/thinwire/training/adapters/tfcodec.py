"""TF-Codec in the training loop: clean clips as waveforms, and codeword counts for the entropy coder's tables."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from thinwire.errors import ParamError
from thinwire.metrics.perceptual import pesq_wb, stoi
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.systems.tfcodec.losses import RATE_VECTORS
from thinwire.systems.tfcodec.start import fit_codebooks, pass_first_on, share_out, turn
from thinwire.systems.tfcodec.system import TfCodecSystem
from thinwire.systems.tfcodec.tables import count_codewords
from thinwire.training.adapters.segments import SPLITS, Reader
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

COUNTED = 400
"""Training clips, evenly spread, on which codewords are counted: 20 minutes of speech."""
HEARD = 16
"""Dev clips, evenly spread, whose decoded speech a card judges."""


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    reader = Reader(folders)
    train, dev = (
        TensorData({"clean": torch.from_numpy(np.concatenate([part.clean for part in reader.of(split)]))})
        for split in SPLITS
    )
    return Splits(train, dev, {"samples": reader.shape[1]}, reader.seen, params.systems.tfcodec.crop_s)


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return TfCodecSystem(params.systems.tfcodec, params.run(name))


def fit(system: Trainable, splits: Splits) -> None:
    """Hand over the clips that the codeword shares begin with once weights are taken up: as many vectors as they
    remember.
    """
    assert isinstance(system, TfCodecSystem)
    system.opening = sample(splits.train, system.samples, math.ceil(RATE_VECTORS / system.steps))


def refit(system: Trainable, splits: Splits, part: str) -> None:
    """Set a part of a model that has taken over other weights anew, by training clips; raises ParamError for a part
    that it has not.

    `codebooks`, for weights that were trained without quantiser or with other groups: share the latent's principal
    axes out among the groups and fit each codebook to its vectors. `loop`, for weights of a run without prediction:
    the loop begins as if it were not there.
    """
    assert isinstance(system, TfCodecSystem)
    model = system.model.eval()
    clips = sample(splits.train, system.samples).float()
    with torch.no_grad():
        x_R = torch.cat([model.encode_latent(some) for some in clips.split(16)])
        if part == "codebooks":
            rotation = share_out(x_R, system.row.groups)
            turn(model.encoder, model.decoder, rotation)
            fit_codebooks(model.quantiser, rotation @ x_R, seed=0)
        elif part == "loop" and model.predictive:
            pass_first_on(model.extractor, x_R)
            pass_first_on(model.synthesizer, model.quantiser(x_R).z_hat)
        else:
            raise ParamError(f"this TF-Codec has no part `{part}` to fit; `codebooks`, and `loop` where it predicts")
    model.train()


def sample(train: TensorData, samples: int, most: int = COUNTED) -> Tensor:
    """At most `most` clips, evenly spread, cut to whole steps (N, samples)."""
    clean = train.tensors["clean"]
    return clean[torch.linspace(0, len(clean) - 1, min(most, len(clean))).round().long(), :samples]


def heard(system: Trainable, splits: Splits) -> dict[str, float]:
    """What dev clips sound like from their codes, means over `items` of them: `stoi`, `pesq`, and `snr_db`, signal to
    error of the waveform. Raises ImportError where the measures' packages are not there.
    """
    assert isinstance(system, TfCodecSystem)
    clean = splits.dev.tensors["clean"]
    clips = sample(splits.dev, clean.shape[1], HEARD).float()
    model = system.model.eval()
    decoded = model.decode(model.encode(clips), clips.shape[1])
    pairs = list(zip(clips.numpy(), decoded.numpy(), strict=True))
    snr = clips.square().sum(1).div((clips - decoded).square().sum(1)).log10().mul(10.0)
    scores = {"stoi": [stoi(*pair) for pair in pairs], "pesq": [pesq_wb(*pair) for pair in pairs]}
    model.train()
    means = {name: float(np.nanmean(values)) for name, values in scores.items()}
    return {"items": len(clips)} | means | {"snr_db": float(snr.mean())}


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    """`tables`: how often each codeword of each group occurs in training clips, counts (G, K)."""
    assert isinstance(system, TfCodecSystem)
    chosen = sample(train, train.tensors["clean"].shape[1])
    return {"tables": {"counts": count_codewords(system.model.eval(), chosen.split(16))}}
