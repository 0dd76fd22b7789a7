"""From Kaldi's log-mel features back to a waveform: non-negative energies of the bins, phase by Griffin-Lim
(`librosa`), de-emphasis.
"""

from __future__ import annotations

import numpy as np

from thinwire.kaldi import HOP, N_FFT, PREEMPHASIS, WINDOW, mel_triangles

UPDATES = 50
_TINY = 1e-12


def waveforms_of_fbank(log_mel: np.ndarray, samples: int, iterations: int = 32, seed: int = 0) -> np.ndarray:
    """Waveforms (n, samples) float32 of features (n, n_mels, L) as `kaldi.fbank` gives them; zeros behind their end.

    `seed` draws the first phase, the same for every item.
    """
    return np.stack([_waveform(np.sqrt(bin_energies(item)), samples, iterations, seed) for item in log_mel])


def bin_energies(log_mel: np.ndarray) -> np.ndarray:
    """Energies (n_fft / 2 + 1, L) >= 0 of which the mel filters make these features (n_mels, L), near enough: of the
    many, those that UPDATES multiplicative steps (Lee and Seung 2001) reach from a flat spectrum.

    Solving for them exactly by `librosa.util.nnls` takes half a minute a second of audio. The highest bin, in no
    triangle, stays empty.
    """
    basis = mel_triangles(log_mel.shape[0])[:-1]
    wanted = np.exp(log_mel.astype(np.float64))
    target, gram = basis @ wanted, basis @ basis.T
    energy = np.where(basis.sum(1, keepdims=True) > 0, wanted.mean(0), 0.0)
    for _ in range(UPDATES):
        energy *= target / np.maximum(gram @ energy, _TINY * wanted.max())
    return np.pad(energy, ((0, 1), (0, 0)))


def _waveform(magnitude: np.ndarray, samples: int, iterations: int, seed: int) -> np.ndarray:
    import librosa  # both take a second to import, and few need a waveform
    from scipy.signal import lfilter

    shaped = librosa.griffinlim(
        magnitude.astype(np.float32), n_iter=iterations, hop_length=HOP, win_length=WINDOW, n_fft=N_FFT,
        random_state=seed,
    )  # fmt: skip
    # Kaldi's frame t is centred half a hop later than librosa's.
    shaped = np.pad(shaped, (HOP // 2, samples))[:samples]
    return np.asarray(lfilter([1.0], [1.0, -PREEMPHASIS], shaped), np.float32)
