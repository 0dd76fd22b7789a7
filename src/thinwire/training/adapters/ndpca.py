"""The distributed coder in the training loop: spectra of all microphones, and latents to fit bottlenecks on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from thinwire.audio import SAMPLE_RATE
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.params.ndpca import Representation
from thinwire.params.spectrum import Spectrum
from thinwire.segments import Segments
from thinwire.systems.ndpca.model import encode_all
from thinwire.systems.ndpca.representation import magnitude_of, prepare
from thinwire.systems.ndpca.system import NdpcaSystem
from thinwire.training.adapters.score import load_enhancer
from thinwire.training.adapters.segments import SPLITS, Reader
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

BLOCK = 16
"""Segments that are transformed at once."""


def tensors_of(
    parts: Iterable[Segments], count: int, spectrum: Spectrum, representation: Representation, names: tuple[str, ...]
) -> dict[str, Tensor]:
    """The named spectra (`noisy`, `clean`, `phase`) of `count` segments as `SpectralData` has them, written block by
    block to where they stay: a split's are there once, and not twice while they are put together.
    """
    whole: dict[str, Tensor] = {}
    done = 0
    for segments in parts:
        for start in range(0, len(segments.clean), BLOCK):
            block = slice(start, start + BLOCK)
            part = prepare(segments.noisy[block], segments.clean[block], spectrum, representation)
            for name in names:
                values: Tensor = getattr(part, name)
                if name not in whole:
                    whole[name] = values.new_empty((count, *values.shape[1:]))
                whole[name][done : done + len(part)] = values
            done += len(part)
    return whole


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    run, reader = params.run(name), Reader(folders)
    spectrum = getattr(params.systems, run.system).spectrum
    # the perceptual loss alone hears waveforms, under the clean phase
    names = ("noisy", "clean", "phase") if run.setting == "aware" else ("noisy", "clean")
    train, dev = (
        TensorData(tensors_of(reader.parts_of(split), reader.count(split), spectrum, run.representation, names))
        for split in SPLITS
    )
    mics, samples = reader.shape
    return Splits(train, dev, {"mics": mics, "samples": samples}, reader.seen, samples / SAMPLE_RATE)


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    run = params.run(name)
    task: nn.Module | None = None
    if run.setting == "aware":
        task = load_enhancer(params, Path(run.after)) if to_train else nn.Identity()
    return NdpcaSystem(params.systems.ndpca, run, facts["mics"], facts["samples"], task)  # type: ignore[arg-type]


def fit(system: Trainable, splits: Splits) -> None:
    assert isinstance(system, NdpcaSystem)
    system.model.fit_statistics(splits.train.tensors["noisy"], splits.train.tensors["clean"])


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    """What bottlenecks are fitted on (facts 1.3): latents z0, z1, ... of every training item; and the mean clean
    magnitude a bin.
    """
    assert isinstance(system, NdpcaSystem)
    latents = encode_all(system.model.eval(), train.tensors["noisy"])
    clean, representation = train.tensors["clean"], system.run.representation
    sums = [magnitude_of(some.float(), representation).double().sum((0, 2)) for some in clean.split(BLOCK)]
    mean = (torch.stack(sums).sum(0) / (len(clean) * clean.shape[-1])).float()
    return {"latents": {f"z{i}": torch.from_numpy(z) for i, z in enumerate(latents)} | {"mean_spectrum": mean}}
