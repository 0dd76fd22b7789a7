"""Rows of the one table of AUCOM's systems, and the codec's settings: what is refused, and where."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import AucomFbank, Settings


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"system": "aucom_classifier"}, "task"),
        ({"task": "emotion"}, "task"),
        ({"system": "aucom_sensing", "variant": "v2"}, "variant"),
        ({"system": "aucom_recogniser", "task": "speech", "lmbda": 1.0}, "lmbda"),
        ({"variant": "v4"}, "v1"),
        ({"lmbda": 0.0}, "greater than 0"),
    ],
)
def test_columns_of_another_system_are_refused(given: dict[str, object], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        AucomRow(after="-", steps=1, **given)  # type: ignore[arg-type]


def test_rows_of_every_system_stand_in_one_table() -> None:
    server = {"system": "aucom_classifier", "task": "commands"}
    rows = [{"variant": "v3", "lmbda": 2.0}, server, {"system": "aucom_deepcod"}]
    assert [AucomRow(after="-", steps=1, **row).system for row in rows] == [  # type: ignore[arg-type]
        "aucom_codec", "aucom_classifier", "aucom_deepcod",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given", [{"chunk_s": 0.33}, {"crop_s": 0.03}, {"spectrum": {"n_mels": 81}}, {"taus": [2, 1]}, {"taus": [0, 1]}]
)
def test_settings_that_fit_no_network_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given)  # type: ignore[arg-type]


def test_frames() -> None:
    settings = Settings(spectrum=AucomFbank(n_mels=128), crop_s=1.23)
    assert (settings.n_mels, settings.chunk_frames, settings.crop_frames) == (128, 500, 120)
    assert Settings(crop_s=60.0).crop_frames == 500
