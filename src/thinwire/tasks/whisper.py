"""Speech recognition by Whisper on the server's mel features (section 5.1.1), where its weights are given by path.

The weights are a folder as `transformers` keeps them (`config.json`, `model.safetensors`, tokenizer files); nothing is
downloaded and nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError, PipelineError
from thinwire.kaldi import HIGH_HZ, LOG_FLOOR, LOW_HZ, N_FFT, PREEMPHASIS, mel_triangles
from thinwire.metrics.words import plain_text
from thinwire.signal.features import mel_filterbank

WHISPER_N_FFT = 400
WHISPER_FRAMES = 3000
"""Frames of Whisper's window, 30 s."""
_FLOOR = 1e-10
_RANGE = 8.0


def whisper_features(f: Tensor, n_mels: int) -> Tensor:
    """Whisper's input (B, n_mels, L) of the codec's features f (B, H, L), natural logarithms of Kaldi's mel energies.

    Whisper's mels are others (Slaney's scale, unit area, no pre-emphasis, common logarithms within 8 of the largest, a
    quarter of that plus one), so the spectrum is drawn through the energies first: power a bin at each filter's
    centre, in between by straight lines of its logarithm. Frames are those of `f`, which lie 5 ms later than Whisper's.
    Reading: the paper says nothing of how its features reach Whisper.
    """
    triangles = mel_triangles(f.shape[1]).astype(np.float64)
    held = triangles.sum(0) > 0.0  # a filter narrower than a bin may hold none
    hz = np.arange(len(triangles)) * SAMPLE_RATE / N_FFT
    centres = (hz @ triangles)[held] / triangles.sum(0)[held]
    emphasis = 1.0 + PREEMPHASIS**2 - 2.0 * PREEMPHASIS * np.cos(2.0 * np.pi * hz / SAMPLE_RATE)
    weights = (emphasis @ triangles)[held]
    levels = f[:, torch.from_numpy(held)].double() - torch.from_numpy(np.log(weights))[:, None]

    bins = np.arange(WHISPER_N_FFT // 2 + 1) * SAMPLE_RATE / WHISPER_N_FFT
    between = np.stack([np.interp(bins, centres, row) for row in np.eye(len(centres))], 1)
    power = (torch.from_numpy(between) @ levels).exp()
    power[:, (bins < LOW_HZ) | (bins >= HIGH_HZ)] = LOG_FLOOR  # of which the features know nothing
    energies = mel_filterbank(WHISPER_N_FFT, n_mels).double() @ power
    logs = energies.clamp(min=_FLOOR).log10()
    logs = torch.maximum(logs, logs.amax((1, 2), keepdim=True) - _RANGE)
    return ((logs + 4.0) / 4.0).to(f.dtype)


class WhisperRecogniser:
    """A Whisper model with its tokenizer from `folder`, for English.

    Raises PipelineError where `transformers` is not installed, ParamError for a folder without a Whisper model.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise ParamError(f"{folder}: no config.json; give the folder of a Whisper model as `transformers` keeps it")
        try:
            from transformers import WhisperForConditionalGeneration, WhisperTokenizer
        except ImportError as error:
            raise PipelineError(
                f"Whisper cannot be used ({error}); `pip install transformers`, or choose another recogniser"
            ) from error
        try:
            self._model = WhisperForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            ).eval()
            self._tokenizer = WhisperTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            what = " ".join(str(error).split())
            raise ParamError(f"{folder}: no Whisper model that can be read ({what}); download it again") from error
        self.n_mels = int(self._model.config.num_mel_bins)
        # numbers as words, as references have them
        self._digits = [place for token, place in self._tokenizer.get_vocab().items() if any(map(str.isdigit, token))]

    @torch.inference_mode()
    def transcribe(self, f: Tensor) -> list[str]:
        """The text of each item of features (B, H, L) of at most 30 s, spelled as `plain_text`; greedy search.

        Raises ValueError for longer ones.
        """
        if f.shape[2] > WHISPER_FRAMES:
            raise ValueError(f"Whisper hears {WHISPER_FRAMES} frames at once, got {f.shape[2]}")
        heard = whisper_features(f, self.n_mels)
        silence = heard.amin((1, 2), keepdim=True).expand(-1, self.n_mels, WHISPER_FRAMES - f.shape[2])
        options: dict[str, Any] = {"suppress_tokens": self._suppressed, "num_beams": 1, "do_sample": False}
        if getattr(self._model.generation_config, "is_multilingual", False):
            options |= {"language": "en", "task": "transcribe"}
        tokens = self._model.generate(torch.cat([heard, silence], 2), **options)
        return [plain_text(text) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    @property
    def _suppressed(self) -> list[int]:
        own = self._model.generation_config.suppress_tokens or []
        return sorted({*own, *self._digits} - set(self._tokenizer.all_special_ids))

    def answer(self, features: np.ndarray) -> dict[str, Any]:
        """The task of a server: `text` of features (H, L)."""
        return {"text": self.transcribe(torch.from_numpy(features)[None])[0]}
