"""The codec on the edge: ONNX Runtime on one thread, NumPy in and out, without torch (which alone needs more memory
than the whole codec).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from thinwire.errors import CheckpointError
from thinwire.kaldi import HOP, fbank
from thinwire.systems.aucom.bitstream import Bitstream, as_chunks


class EdgeEncoder:
    """The graph that `export.export_encoder` made, given as bytes or as a file; raises CheckpointError for other bytes.

    `n_mels`, `chunk_frames`: of the features of a chunk; `rows`, `columns`: of its symbols.
    """

    def __init__(self, graph: bytes | Path | str) -> None:
        data = graph if isinstance(graph, bytes) else Path(graph).read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            _, self.n_mels, self.chunk_frames = self._session.get_inputs()[0].shape
            _, self.rows, self.columns = self._session.get_outputs()[0].shape
        except Exception as error:  # the runtime has an exception class a status code, without a common base
            raise CheckpointError(f"not an exported encoder ({error}); export it again") from error

    def normalised(self, f: np.ndarray) -> np.ndarray:
        """r~ (B, rows, columns) float32 of features f (B, n_mels, chunk_frames), chunk by chunk: what one of them needs
        stays in the cache. Raises ValueError for features of another shape.
        """
        if f.ndim != 3 or f.shape[1:] != (self.n_mels, self.chunk_frames):
            raise ValueError(f"features must be (B, {self.n_mels}, {self.chunk_frames}), got {f.shape}")
        f = np.ascontiguousarray(f, np.float32)
        latents = [self._session.run(None, {"f": f[i : i + 1]})[0] for i in range(len(f))]
        return np.concatenate(latents) if latents else np.zeros((0, self.rows, self.columns), np.float32)

    def symbols(self, f: np.ndarray, tau: float = 1.0) -> np.ndarray:
        """round(r~ / tau), int32 (B, rows, columns), as `AuComNet.symbols`, but for values within rounding (1e-6) of
        half a step. A decoder follows whatever symbols it gets, so such a tie desynchronises nothing.
        """
        return np.rint(self.normalised(f) / np.float32(tau)).astype(np.int32)


class EdgeCodec:
    """Audio to bytes: filter bank, encoder, entropy coder; up to ties of rounding the bytes of `AucomCoder.encode`.

    `chunk_samples` is what the encoder takes at once.
    """

    def __init__(self, encoder: EdgeEncoder, bitstream: Bitstream, tau: float) -> None:
        self.encoder, self.bitstream, self.tau = encoder, bitstream, tau
        self.chunk_samples = encoder.chunk_frames * HOP

    def features(self, audio: np.ndarray) -> np.ndarray:
        """Log-mel features (H, L) of audio (samples,) at 16 kHz; raises ValueError for less than a window."""
        return fbank(audio[None], self.encoder.n_mels)[0]

    def symbols(self, features: np.ndarray) -> np.ndarray:
        """Symbols (C, rows, columns) int32 of features (H, L); raises BitstreamError as `as_chunks`."""
        return self.encoder.symbols(as_chunks(features, self.encoder.chunk_frames), self.tau)

    def encode(self, audio: np.ndarray) -> bytes:
        """A container of audio (samples,); raises as its parts do."""
        features = self.features(audio)
        return self.bitstream.pack(self.symbols(features), features.shape[1])
