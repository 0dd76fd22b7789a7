"""What every measurement of the distributed coder shares: the trained model, test items, and fitted bottlenecks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.params import Params
from thinwire.params.ndpca import NdpcaEvaluation, Run
from thinwire.segments import Segments, SegmentStore
from thinwire.systems.ndpca.model import NdpcaModel, encode_all
from thinwire.systems.ndpca.pca import FITS, LinearBottleneck
from thinwire.systems.ndpca.representation import SpectralData, magnitude_of, prepare
from thinwire.training.build import DATA, load_model, model_folder
from thinwire.training.state import load_tensors

MODES = {"ndpca": ("ndpca", "pca_equal"), "plain": ("truncate", "pca_equal"), "fixed": ("fixed",)}
"""The bottlenecks that a model trained with a given one is measured under; the first is the run's own."""


@dataclass(frozen=True)
class Bench:
    """A run on the bench: model, test segments and spectra, latents of test and training items, bottlenecks by name."""

    name: str
    run: Run
    settings: NdpcaEvaluation
    model: NdpcaModel
    segments: Segments
    data: SpectralData
    latents: list[np.ndarray]
    bottlenecks: dict[str, LinearBottleneck]
    mean_spectrum: Tensor
    training_items: int
    seed: int
    number: int

    def grid(self, mode: str) -> list[int]:
        """Bandwidths in floats a second at which a bottleneck is measured."""
        return [self.model.latent] if mode == "fixed" else [m for m in self.settings.grid if m <= self.model.latent]

    def decode(self, mode: str, m: int, chosen: slice | np.ndarray = slice(None)) -> Tensor:
        """Decoder output (n, C, F, T) of chosen test items at budget m."""
        z_hat = self.bottlenecks[mode].reconstruct([z[chosen] for z in self.latents], m)
        with torch.no_grad():
            return self.model.decode(torch.from_numpy(z_hat).float())

    @property
    def clean(self) -> np.ndarray:
        """Ground-truth compressed magnitude (n, F, T)."""
        return magnitude_of(self.data.clean.float(), self.run.representation).numpy()

    @property
    def noisy(self) -> np.ndarray:
        """The microphones' compressed magnitudes (n, K, F, T)."""
        return magnitude_of(self.data.noisy.float(), self.run.representation).numpy()

    def subset(self, count: int) -> np.ndarray:
        """Evenly spread test items, the same for every run."""
        return np.unique(np.linspace(0, len(self.data) - 1, min(count, len(self.data))).round().astype(int))

    def identity(self) -> dict[str, Any]:
        """The columns that say which model a row belongs to."""
        run = self.run
        return {
            "run": self.name, "seed": self.number, "arch": run.arch, "representation": run.representation,
            "setting": run.setting, "lambda_perc": run.lambda_perc if run.setting == "aware" else 0.0,
        }  # fmt: skip

    def items(self) -> pd.DataFrame:
        """segment_id, speaker, room, noise of the test items."""
        return self.segments.table[["segment_id", "speaker", "room", "noise"]].reset_index(drop=True)


def set_up(params: Params, name: str, number: int = 0) -> Bench:
    """Load the model of a run's `number`-th seed, fit its bottlenecks on the training split, encode the test items."""
    run, settings = params.run(name), params.evaluation.ndpca
    model = load_model(params, name, number)
    assert isinstance(model, NdpcaModel)
    fitting = load_tensors(model_folder(name, number) / "latents.safetensors")
    fitted = [fitting[f"z{i}"].numpy() for i in range(model.groups)]
    test = SegmentStore(DATA / run.data).load(settings.split, settings.items)
    spectra = prepare(test.noisy, test.clean, model.spectrum, run.representation)
    modes = MODES[run.bottleneck] if model.groups > 1 else MODES[run.bottleneck][:1]
    bottlenecks = {mode: FITS[mode](fitted) for mode in modes}
    latents = encode_all(model, spectra.noisy)
    return Bench(
        name,
        run,
        settings,
        model,
        test,
        spectra,
        latents,
        bottlenecks,
        fitting["mean_spectrum"],
        len(fitted[0]),
        params.seed,
        number,
    )
