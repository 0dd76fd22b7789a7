"""Speech as the items of the VQ-VAE: two microphones to maps (C, H, W), and decoded maps back to waveforms.

Domain `mel`: Kaldi's log-mel features, (1, n_mels, T). Domain `stft`: real and imaginary parts of the power-compressed
STFT without its Nyquist bin, (2, n_fft / 2, T). T is cut to a multiple of 8, the deepest downsampling. Pair `mic2`: x
is microphone 1, y microphone 2; pair `close`: x is the worn reference, y microphone 1, far from it (facts 4, the speech
transplant). As in the wing `ndpca` every microphone is divided by its own RMS, which a device can do that never hears
the other; the level is not coded, and what is decoded is judged at one level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from thinwire import kaldi
from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError
from thinwire.params.neural_dsc import Domain, NdscSpectrum, Pair
from thinwire.signal.kaldi_inverse import waveforms_of_fbank
from thinwire.systems.ndpca.representation import gain_of, spectra, to_complex, to_network, waveform

MULTIPLE = 8
_BLOCK = 64


@dataclass(frozen=True)
class SpeechItems:
    """Maps `x` and `y` (n, C, H, W) float32, and `audio` (n, samples) float32: the stretch of x's waveform that its map
    covers, at unit RMS of the segment.
    """

    x: Tensor
    y: Tensor
    audio: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


def frames_of(samples: int, domain: Domain, spectrum: NdscSpectrum) -> int:
    """Frames T of a segment's map; raises ParamError for a segment too short to hold MULTIPLE of them."""
    mel = domain == "mel"
    there = kaldi.frames_of(samples) if mel else samples // spectrum.hop_length + 1
    frames = there // MULTIPLE * MULTIPLE
    if not frames or samples < (kaldi.WINDOW if mel else spectrum.n_fft):
        raise ParamError(f"segments of {samples} samples hold {there} frames of `{domain}`, {MULTIPLE} are needed; "
                         "extract longer ones")  # fmt: skip
    return frames


def samples_of(frames: int, domain: Domain, spectrum: NdscSpectrum) -> int:
    """Samples that so many whole frames are made of: the length of a segment whose map has just these."""
    return kaldi.WINDOW + (frames - 1) * kaldi.HOP if domain == "mel" else (frames - 1) * spectrum.hop_length


def covered_samples(frames: int, domain: Domain, spectrum: NdscSpectrum) -> int:
    """Samples of the waveform of so many frames: whole hops of `mel`; of the centred STFT, up to its last centre."""
    return frames * kaldi.HOP if domain == "mel" else (frames - 1) * spectrum.hop_length


def seconds_of(frames: int, domain: Domain, spectrum: NdscSpectrum) -> float:
    """The time that so many frames take in a stream of them: what a rate in bit/s is measured by."""
    return frames * (kaldi.HOP if domain == "mel" else spectrum.hop_length) / SAMPLE_RATE


def prepare(noisy: np.ndarray, clean: np.ndarray, domain: Domain, pair: Pair, spectrum: NdscSpectrum) -> SpeechItems:
    """Items of segments: noisy (n, sources, samples) and clean (n, samples).

    Raises ParamError for pair `mic2` with less than two sources, and for segments that are too short.
    """
    if pair == "mic2" and noisy.shape[1] < 2:
        raise ParamError(
            f"pair `mic2` needs two microphones, the segments have {noisy.shape[1]}; use `close`, or list two sources "
            "in corpora.chime6.sources"
        )
    sent, side = (noisy[:, 0], noisy[:, 1]) if pair == "mic2" else (clean, noisy[:, 0])
    x, y = (maps_of(audio, domain, spectrum) for audio in (sent, side))
    return SpeechItems(x, y, _levelled(sent)[:, : covered_samples(x.shape[-1], domain, spectrum)])


def _levelled(audio: np.ndarray) -> np.ndarray:
    return np.asarray(audio / gain_of(audio)[:, None])


def maps_of(audio: np.ndarray, domain: Domain, spectrum: NdscSpectrum) -> Tensor:
    """Maps (n, C, H, W) of segments of one microphone (n, samples), each brought to unit RMS.

    Raises ParamError for segments that are too short.
    """
    audio = _levelled(audio)
    frames = frames_of(audio.shape[-1], domain, spectrum)
    if domain == "mel":
        return torch.from_numpy(kaldi.fbank(audio, spectrum.n_mels))[:, None, :, :frames].contiguous()
    blocks = [torch.from_numpy(audio[start : start + _BLOCK]) for start in range(0, len(audio), _BLOCK)]
    maps = torch.cat([to_network(spectra(block, spectrum), spectrum, "complex") for block in blocks])
    return maps[:, :, : spectrum.n_fft // 2, :frames].contiguous()


def waveforms(maps: Tensor, domain: Domain, spectrum: NdscSpectrum, iterations: int = 32, seed: int = 0) -> np.ndarray:
    """(n, samples) float32 of maps (n, C, H, W), as long as `SpeechItems.audio`.

    `stft`: the inverse transform, with phase. `mel`: Griffin-Lim by `iterations` from a phase drawn by `seed`; it is as
    good as that guess, and measures of such waveforms are read so.
    """
    samples = covered_samples(maps.shape[-1], domain, spectrum)
    if domain == "mel":
        return waveforms_of_fbank(maps[:, 0].numpy(), samples, iterations, seed)
    whole = to_complex(F.pad(maps.float(), (0, 0, 0, 1)), spectrum, "complex")
    assert whole is not None
    return np.asarray(waveform(whole, spectrum, samples).numpy())


def magnitudes(maps: Tensor, domain: Domain, spectrum: NdscSpectrum) -> np.ndarray:
    """Linear magnitudes (n, H, W): of mel bands, or of STFT bins."""
    if domain == "mel":
        return np.exp(0.5 * maps[:, 0].numpy().astype(np.float64))
    whole = to_complex(maps.float(), spectrum, "complex")
    assert whole is not None
    return np.asarray(whole.abs().numpy())
