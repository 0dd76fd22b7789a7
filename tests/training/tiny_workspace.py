"""A workspace with a tiny segment folder and tiny models, in which every stage takes a second; for tests only."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.signal import lfilter

from thinwire.params import Params, load_params
from thinwire.segments import SegmentWriter

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ["U01.CH1", "U02.CH1", "U05.CH1", "U06.CH1"]
NDPCA: dict[str, Any] = {"system": "ndpca", "after": "data/segments/chime6", "steps": 14}
AWARE = NDPCA | {"after": "models/score", "setting": "aware"}
RUNS = {
    "score": {"system": "score", "after": "data/segments/chime6", "steps": 14, "training": {"ema": 0.9}},
    "agnostic": NDPCA,
    "joint": NDPCA | {"arch": "E1D1"},
    "plain": NDPCA | {"bottleneck": "plain"},
    "fixed": NDPCA | {"bottleneck": "fixed", "fixed_m": 4},
    "complex": NDPCA | {"representation": "complex"},
    "aware": AWARE | {"training": {"ema": 0.9}},
}


def make_workspace(folder: Path, samples: int = 4000, items: int = 24) -> Path:
    """Fill `folder` with params.yaml, empty starting weights and a segment folder of noisy, invented speech."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    spectrum = {"n_fft": 256, "hop_length": 128, "power": 0.5}
    tree["systems"]["ndpca"] |= {
        "spectrum": spectrum,
        "shape": {"latent": 16, "width": 8, "blocks": 1, "decoder_width": 12, "decoder_blocks": 1, "stride": 4},
        "aware_items": 2,
        "discriminator_filters": 2,
        "discriminator_scales": [256],
    }
    tree["systems"]["score"]["spectrum"] = spectrum
    tree["systems"]["score"]["shape"] |= {"base": 4, "multipliers": [1, 2], "fold": 8}
    tree["training"] |= {"batch": 8, "warmup": 2, "validate_every": 4, "checkpoint_every": 3, "lr": 0.003}
    tree["runs"] = {"ndpca": RUNS}
    tree["evaluation"]["ndpca"] |= {
        "items": 6, "grid": [1, 2, 3, 4, 6, 8, 12, 16], "waveform_items": 3, "perceptual_items": 2,
        "perceptual_grid": [4, 16], "sampler_steps": 2, "griffin_lim_iterations": 2, "kbps_grid": [0.02, 0.2],
        "bits_items": 3, "look_items": 2, "listen_grid": [4, 16],
    }  # fmt: skip
    tree["channel"] |= {"seconds": 12, "bandwidth_hz": 4.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    (folder / "weights").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "weights" / "scratch.safetensors", folder / "weights")
    write_segments(folder / "data" / "segments" / "chime6", samples, items)
    return folder


def write_segments(folder: Path, samples: int, items: int, seed: int = 0) -> None:
    """`items` training segments, and a third as many for dev and eval, of 4 unequal microphones."""
    generator = np.random.default_rng(seed)
    with SegmentWriter(folder, "chime6", SOURCES) as writer:
        for split, count in {"train": items, "dev": items // 3, "eval": items // 3}.items():
            for i in range(count):
                clean = voice(generator, samples)
                noisy = np.stack([clean + 0.005 * (k + 1) * generator.standard_normal(samples) for k in range(4)])
                writer.add(
                    noisy.astype(np.float32), clean, segment_id=f"{split}-{i}", split=split, session=f"S-{split}",
                    speaker=f"{split}{i % 3}", start_s=float(i), end_s=i + samples / 16_000, room=f"room-{split}",
                    noise=f"hum-{split};fan-{split}", snr_db=[20.0, 14.0, 10.0, 8.0],
                )  # fmt: skip


def voice(generator: np.random.Generator, samples: int) -> np.ndarray:
    """A buzz of random pitch through two random resonances, with a syllable's envelope; float32, peak 0.3."""
    time = np.arange(samples) / 16_000
    signal = np.sign(np.sin(2 * np.pi * generator.uniform(90, 220) * time)) + 0.1 * generator.standard_normal(samples)
    for low, high in ((300, 900), (1000, 2500)):
        angle = 2 * np.pi * generator.uniform(low, high) / 16_000
        signal = lfilter([1.0], [1.0, -1.9 * np.cos(angle), 0.9025], signal)
    signal *= 0.2 + np.sin(np.pi * generator.uniform(3, 6) * time + generator.uniform(0, 3)) ** 2
    return (0.3 * signal / np.abs(signal).max()).astype(np.float32)


@contextmanager
def inside(folder: Path) -> Iterator[Params]:
    """Work in a workspace, with its parameters; the place and the signal handlers come back afterwards."""
    before = Path.cwd()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    os.chdir(folder)
    try:
        yield load_params()
    finally:
        os.chdir(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def train_in(folder: Path, name: str) -> Path:
    """Train a run of a workspace and return its models/<run>."""
    from thinwire.training.stage import train

    with inside(folder) as params:
        train(params, name)
    return folder / "models" / name


def train_and_leave(folder: Path | str, name: str, environment: dict[str, str]) -> None:
    """Train under given environment variables, and leave what each process ends with in rank<r>of<n>.safetensors."""
    from thinwire.training import stage
    from thinwire.training.loop import Loop
    from thinwire.training.state import save_tensors

    os.environ.update(environment)
    write = stage.write_models

    def leave(target: str, finished: list[tuple[Loop, str]], *rest: Any) -> None:
        loop = finished[0][0]
        tensors = dict(loop.raw.state_dict()) | {f"best/{k}": v for k, v in loop.best.items()}
        if loop.judge is not None:
            tensors |= {f"critic/{k}": v for k, v in loop.judge.state_dict().items()}
        save_tensors(Path(f"rank{loop.fabric.global_rank}of{loop.fabric.world_size}.safetensors"), tensors)
        write(target, finished, *rest)

    stage.write_models = leave
    train_in(Path(folder), name)


def train_slowly(folder: Path, name: str, seconds: float) -> None:
    """Train with a pause after each step, so that there is time to be killed."""
    import time

    from thinwire.training.loop import Loop

    quick = Loop.step

    def slow(self: Loop, step: int) -> Any:
        time.sleep(seconds)
        return quick(self, step)

    Loop.step = slow  # type: ignore[method-assign]
    train_in(Path(folder), name)
