from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from thinwire.params.spectrum import Spectrum
from thinwire.segments import Segments
from thinwire.systems.ndpca.representation import prepare
from thinwire.training.adapters import ndpca


@pytest.mark.parametrize("representation", ["magnitude", "complex"])
@pytest.mark.parametrize("block", [3, 7, 64])
@pytest.mark.parametrize("names", [("noisy", "clean"), ("noisy", "clean", "phase")])
def test_blocks_make_the_same_spectra_as_the_whole(
    representation, block, names, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    noisy, clean = (rng.standard_normal(shape).astype(np.float32) for shape in ((7, 2, 4000), (7, 4000)))
    spectrum = Spectrum(n_fft=512, hop_length=256)
    monkeypatch.setattr(ndpca, "BLOCK", block)
    parts = [Segments(pd.DataFrame(), noisy[some], clean[some]) for some in (slice(0, 5), slice(5, 7))]
    found = ndpca.tensors_of(parts, 7, spectrum, representation, names)
    whole = prepare(noisy, clean, spectrum, representation)
    assert tuple(found) == names
    for name, values in found.items():
        assert torch.equal(values, getattr(whole, name)) and values.dtype == torch.float16
