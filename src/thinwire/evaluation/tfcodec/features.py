"""Maps for people who look inside: spectrum, encoder output, prediction, what is coded (Fig. 7a)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from thinwire.evaluation.tfcodec.common import Bench, Clips, passes
from thinwire.signal.causal_stft import causal_stft

RANGE_DB = 80.0


def _level(model_n_fft: int, hop_length: int, audio: np.ndarray, top: float | None = None) -> tuple[np.ndarray, float]:
    """Spectrum (F, T) in dB re `top`, or re its own maximum, which is returned."""
    magnitude = causal_stft(torch.from_numpy(audio)[None], model_n_fft, hop_length)[0].abs().numpy()
    level = 20.0 * np.log10(np.maximum(magnitude, 1e-9))
    top = float(level.max()) if top is None else top
    return np.maximum(level - top, -RANGE_DB), top


def save_features(bench: Bench, clips: Clips, decoded: np.ndarray, path: Path) -> None:
    """Write features.npz of a few clips, with their decoded audio (n, samples)."""
    out: dict[str, np.ndarray] = {"segment_ids": np.array(clips.ids, dtype=str)}
    for one in passes(bench.model, clips.audio, f"look {bench.name}"):
        latents = one.output
        maps = {
            "x_r": latents.x_R, "x_p": latents.x_P, "x_n": latents.x_N, "x_hat_n": latents.quantised.z_hat,
            "x_hat_r": latents.x_hat_R,
        }  # fmt: skip
        for row, item in enumerate(range(one.places.start, one.places.stop)):
            place = f"item{item}"
            spectrum, top = _level(bench.model.n_fft, bench.model.hop_length, clips.audio[item])
            out[f"{place}/spectrum"] = spectrum.astype(np.float16)
            shown, _ = _level(bench.model.n_fft, bench.model.hop_length, decoded[item], top)
            out[f"{place}/decoded"] = shown.astype(np.float16)
            for name, value in maps.items():
                if value is not None:
                    out[f"{place}/{name}"] = value[row].numpy().astype(np.float16)
            indices = latents.quantised.indices[row].numpy()
            out[f"{place}/indices"] = indices.astype(np.int32)
            out[f"{place}/bits"] = bench.coder.step_bits(indices)
    np.savez_compressed(path, **out)  # type: ignore[arg-type]
