"""A recording by path becomes items: consecutive pieces of two microphones, worn or far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thinwire.audio import write
from thinwire.errors import CorpusError, ParamError
from thinwire.evaluation.neural_dsc.recording import recorded_items
from thinwire.params import Params, load_params
from thinwire.params.neural_dsc import NdscRow

FRAMES = 24


def row(domain: str, pair: str) -> NdscRow:
    said = {"data": "chime6", "after": "data/segments/chime6", "steps": 1, "domain": domain, "pair": pair}
    return NdscRow.model_validate(said)


def given(root: Path, *far: Path, **files: Path) -> Params:
    params = load_params(root / "params.yaml")
    evaluation = params.evaluation.neural_dsc
    named = evaluation.recording.model_copy(
        update={"far": [str(path) for path in far]} | {name: str(path) for name, path in files.items()}
    )
    ours = evaluation.model_copy(update={"recording": named})
    return params.model_copy(update={"evaluation": params.evaluation.model_copy(update={"neural_dsc": ours})})


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(3)
    paths = {name: tmp_path / f"{name}.flac" for name in ("mic1", "mic2", "mic3", "worn")}
    for number, path in enumerate(paths.values()):
        write(path, 0.1 * rng.standard_normal(16000 + 400 * number).astype(np.float32))
    return paths


@pytest.mark.parametrize("domain", ["mel", "stft"])
def test_pieces_follow_each_other_and_pairs_are_told_apart(domain: str, root: Path, files: dict[str, Path]) -> None:
    params = given(root, files["mic2"], files["mic3"], mic1=files["mic1"], worn=files["worn"])
    found, of_worn = (recorded_items(params, row(domain, pair), FRAMES) for pair in ("mic2", "close"))
    assert list(found) == [2, 3] and list(of_worn) == [1, 2, 3]
    far, worn = found[2], of_worn[1]
    assert far.x.shape == worn.y.shape and far.x.shape[-1] == FRAMES and len(far) > 1
    assert np.array_equal(far.x, worn.y)  # microphone 1 is what is sent of one pair, and given of the other
    assert not np.array_equal(far.y, worn.x) and not np.array_equal(far.y, found[3].y)
    assert np.array_equal(far.y, of_worn[2].y[: len(far)]) and np.array_equal(worn.x, of_worn[2].x[: len(worn)])
    assert far.table["segment_id"].is_unique and set(far.table["group"]) == {"recording"}


def test_nothing_without_a_pair_and_errors_say_which_file(root: Path, files: dict[str, Path], tmp_path: Path) -> None:
    assert not recorded_items(load_params(root / "params.yaml"), row("mel", "mic2"), FRAMES)
    assert not recorded_items(given(root, mic1=files["mic1"]), row("mel", "close"), FRAMES)
    assert not recorded_items(given(root, mic1=files["mic1"]), row("mel", "mic2"), FRAMES)
    short = tmp_path / "short.flac"
    write(short, np.zeros(1000, np.float32))
    with pytest.raises(ParamError, match="short.flac share less than"):
        recorded_items(given(root, short, mic1=short), row("mel", "mic2"), FRAMES)
    with pytest.raises(CorpusError, match="absent.flac"):
        recorded_items(given(root, tmp_path / "absent.flac", mic1=files["mic1"]), row("mel", "mic2"), FRAMES)


@pytest.mark.parametrize("more", [1600, 1601, -1600, -1601])
def test_files_of_other_lengths_are_no_one_recording(root: Path, files: dict[str, Path], more: int) -> None:
    """A tenth of a second at the end is let pass, a sample more is not."""
    write(files["mic2"], np.zeros(16000 + more, np.float32))
    params = given(root, files["mic2"], mic1=files["mic1"])
    if abs(more) == 1600:
        assert len(recorded_items(params, row("mel", "mic2"), FRAMES)[2]) > 1
        return
    with pytest.raises(ParamError, match=r"mic1.flac lasts 1.00 s and \S*mic2.flac (1.10|0.90) s; .* differ by 0.1 s"):
        recorded_items(params, row("mel", "mic2"), FRAMES)
