"""EnCodec and DAC with trained weights, where somebody gives them: audio to audio, at their own rates."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from thinwire.audio import SAMPLE_RATE, resample
from thinwire.errors import ParamError
from thinwire.systems.aucom.neural_codecs import INSTALL

RATES = {"encodec": (1.5, 3.0, 6.0, 12.0, 24.0), "dac": tuple(0.5 * n for n in range(1, 13))}
"""kbit/s by codec: EnCodec's bandwidths at 24 kHz; DAC's 12 codebooks of 10 bits at 50 Hz, one more at a time."""
_DAC_CODEBOOK = 0.5
_SYMBOL_BITS = 10


@dataclass(frozen=True)
class Coded:
    """Decoded audio (samples,) at 16 kHz, and the rate of its codes in kbit/s."""

    audio: np.ndarray
    kbps: float


class NeuralWaveformCodec:
    """`encodec` (24 kHz) or `dac` (16 kHz) of the PyPI packages `encodec` and `descript-audio-codec`, with weights from
    a file: a state dict as the authors publish it (.th, .pth) or .safetensors. Nothing is unpickled but tensors.

    Raises ParamError for another name, a package that cannot be imported, and weights that cannot be read or do not
    fit.
    """

    def __init__(self, name: str, weights: Path | str) -> None:
        if name not in RATES:
            raise ParamError(f"codec {name!r}: no such neural codec; there are {', '.join(RATES)}")
        self.name = name
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # both use a deprecated weight normalisation
                self._model = _encodec() if name == "encodec" else _dac()
        except ImportError as error:
            raise ParamError(f"codec {name}: cannot be imported ({error}); {INSTALL[name]}") from error
        try:
            self._model.load_state_dict(_tensors(Path(weights)))
        except (OSError, RuntimeError, pickle.UnpicklingError, SafetensorError, AttributeError) as error:
            why = " ".join(str(error).split())[:200]
            raise ParamError(f"{weights}: no weights of {name} ({why}); give the authors' file for speech") from error
        self._model.eval().requires_grad_(False)
        self.sample_rate = 24_000 if name == "encodec" else 16_000

    @torch.inference_mode()
    def code(self, audio: np.ndarray, kbps: float) -> Coded:
        """Encode and decode audio (samples,) at 16 kHz. Raises ParamError for a rate that is not in RATES."""
        if kbps not in RATES[self.name]:
            rates = ", ".join(f"{rate:g}" for rate in RATES[self.name])
            raise ParamError(f"codec {self.name}: no rate of {kbps:g} kbps; it has {rates}")
        x = torch.from_numpy(resample(audio, SAMPLE_RATE, self.sample_rate))[None, None]
        decoded, symbols = self._encodec(x, kbps) if self.name == "encodec" else self._dac(x, kbps)
        out = resample(decoded[0, 0].numpy(), self.sample_rate, SAMPLE_RATE)[: len(audio)]
        filled = np.pad(out, (0, len(audio) - len(out)))
        return Coded(filled, symbols * _SYMBOL_BITS / (len(audio) / SAMPLE_RATE) / 1000.0)

    def _encodec(self, x: Tensor, kbps: float) -> tuple[Tensor, int]:
        self._model.set_target_bandwidth(kbps)  # type: ignore[operator]
        frames = self._model.encode(x)  # type: ignore[operator]
        return self._model.decode(frames), sum(codes.numel() for codes, _ in frames)  # type: ignore[operator]

    def _dac(self, x: Tensor, kbps: float) -> tuple[Tensor, int]:
        x = self._model.preprocess(x, self.sample_rate)  # type: ignore[operator]
        z, codes, *_ = self._model.encode(x, n_quantizers=round(kbps / _DAC_CODEBOOK))  # type: ignore[operator]
        return self._model.decode(z), codes.numel()  # type: ignore[operator]


def _encodec() -> nn.Module:
    from encodec import EncodecModel

    return EncodecModel.encodec_model_24khz(pretrained=False)


def _dac() -> nn.Module:
    from dac.model import DAC

    return DAC(encoder_rates=[2, 4, 5, 8], decoder_rates=[8, 5, 4, 2], n_codebooks=12, sample_rate=16_000)


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return stored.get("state_dict", stored)
