"""The interpolations that AUCOM is compared with (Intp, section 5.4), by label."""

from __future__ import annotations

from thinwire.errors import ParamError
from thinwire.params.aucom_codec import Settings
from thinwire.systems.aucom.interpolation import Interpolation, Mode

MODES: tuple[Mode, ...] = ("bilinear", "bicubic")


def interpolations(settings: Settings, factors: list[tuple[int, int]]) -> dict[str, Interpolation]:
    """Both kinds at every pair of factors on the codec's features, as `bicubic_2x4`: every second mel, every fourth
    frame. Raises ParamError for factors that do not divide the features.
    """
    size = (settings.n_mels, settings.chunk_frames)
    for pair in factors:
        if min(pair) < 1 or any(whole % part for whole, part in zip(size, pair, strict=True)):
            raise ParamError(
                f"params.yaml: evaluation.aucom.interpolation_factors: {pair} do not divide {size[0]} mels and "
                f"{size[1]} frames; choose divisors"
            )
    return {f"{mode}_{pair[0]}x{pair[1]}": Interpolation(*size, pair, mode) for mode in MODES for pair in factors}
