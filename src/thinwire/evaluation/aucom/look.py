"""What a reader looks at and listens to: one clip's way through the codec, and features made audible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from thinwire.evaluation.aucom.common import Items
from thinwire.evaluation.sounds import save_audio
from thinwire.kaldi import HOP, N_FFT, PREEMPHASIS, WINDOW, mel_triangles
from thinwire.systems.aucom.bitstream import as_chunks
from thinwire.systems.aucom.coder import AucomCoder
from thinwire.systems.aucom.feature_codec import FeatureNet

LISTENED_TAUS = (1.0, 3.0, 8.0)
SHOWN = ("librispeech", "esc50", "iemocap", "speech_commands")
"""Corpora of which clips are shown and heard, one after the other."""
ITERATIONS = 32
"""Of Griffin-Lim."""


def sound_of(features: np.ndarray) -> np.ndarray:
    """A waveform (160 L,) whose mel features are near `features` (H, L), by Griffin-Lim from a fixed random phase.

    Power between the filters' centres lies on straight lines of its logarithm: the filters' pseudo-inverse would leave
    holes, and its non-negative solution, 0.4 dB nearer on speech, takes a hundred times as long.
    """
    from librosa import griffinlim  # costs a second to import, and most of evaluation needs no sound

    frames = features.shape[1]
    between, weights = _spread_of(len(features))
    magnitude = np.exp(0.5 * (between @ (features[weights > 0] - np.log(weights[weights > 0])[:, None])))
    magnitude[0] = 0.0  # the features know nothing of the mean
    waveform = griffinlim(
        magnitude.astype(np.float32), n_iter=ITERATIONS, hop_length=HOP, win_length=WINDOW, n_fft=N_FFT,
        random_state=0, length=HOP * frames - 1,
    )  # fmt: skip
    # Kaldi's frames are centred half a hop later than Griffin-Lim's
    return np.pad(waveform, (HOP // 2, HOP))[: HOP * frames].astype(np.float32)


@lru_cache(maxsize=4)
def _spread_of(n_mels: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (bins, filters with a bin) that draw a spectrum through the filters' centres, and what each of all the
    filters (n_mels,) makes of white noise under pre-emphasis.
    """
    triangles = mel_triangles(n_mels).astype(np.float64)
    bins = np.arange(len(triangles))
    held = triangles.sum(0) > 0.0
    centres = (bins @ triangles)[held] / triangles.sum(0)[held]
    between = np.stack([np.interp(bins, centres, row) for row in np.eye(len(centres))], 1)
    emphasis = 1.0 + PREEMPHASIS**2 - 2.0 * PREEMPHASIS * np.cos(2.0 * math.pi * bins / N_FFT)
    return between, emphasis @ triangles


def spread_over_corpora(items: Mapping[str, Items], count: int) -> list[tuple[Items, int]]:
    """`count` test items, by turns from the corpora of SHOWN, evenly spread in each and the same for every run."""
    shown = [items[corpus] for corpus in SHOWN if corpus in items]
    turns = -(-count // len(shown))
    picks = [[(one, int(place)) for place in one.subset(turns)] for one in shown]
    return [row[turn] for turn in range(turns) for row in picks if turn < len(row)][:count]


def save_look(
    path: Path, items: Mapping[str, Items], net: FeatureNet, coders: Mapping[float, AucomCoder], count: int
) -> None:
    """look.npz: of each item `features` and `tau<tau>` (H, L), `latent`, r before normalisation (rows, columns), and
    `symbols<tau>` before they are clamped, int32 (rows, columns); columns of whole chunks, one after the other.
    """
    arrays: dict[str, np.ndarray] = {}
    for one, place in spread_over_corpora(items, count):
        name, features = one.ids[place], one.features[place]
        with torch.inference_mode():
            latent = net.latent(torch.from_numpy(as_chunks(features, net.chunk_frames))).numpy()
        arrays[f"{name}/features"] = features.astype(np.float16)
        arrays[f"{name}/latent"] = _joined(latent).astype(np.float16)
        for tau, coder in coders.items():
            arrays[f"{name}/tau{tau:g}"] = coder.decode(coder.encode(features)).astype(np.float16)
            arrays[f"{name}/symbols{tau:g}"] = _joined(coder.symbols(features))
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _joined(chunks: np.ndarray) -> np.ndarray:
    """(C, rows, columns) as (rows, C columns)."""
    return np.concatenate(list(chunks), axis=1)


def save_sounds(path: Path, items: Mapping[str, Items], coders: Mapping[float, AucomCoder], count: int) -> None:
    """audio.npz, int16 at 16 kHz: of each item `clean`, `features`, uncoded features made audible, and `tau<tau>`."""
    sounds: dict[str, np.ndarray] = {}
    for one, place in spread_over_corpora(items, count):
        name, features = one.ids[place], one.features[place]
        sounds |= {f"{name}/clean": one.audio[place], f"{name}/features": sound_of(features)}
        for tau in LISTENED_TAUS:
            if coder := coders.get(tau):
                sounds[f"{name}/tau{tau:g}"] = sound_of(coder.decode(coder.encode(features)))
    save_audio(path, sounds)
