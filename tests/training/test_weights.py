"""The committed reference weights: small, described, and of nobody who is in a test."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from thinwire.artifacts import read_json, split_of
from thinwire.corpora.simulate.chime6 import session_ids
from thinwire.corpora.simulate.photographs import TESTING, TRAINING
from thinwire.training.state import load_tensors

LIMIT = 64 * 2**20


def talker(identity: str) -> str:
    """The id that the split hashes: sessions write `P1089` for talker `1089`, VoiceBank `p1089`, simulated commands
    `00000441`.
    """
    if len(identity) == 8 and identity.startswith("0000"):
        return str(int(identity, 16))
    return identity[1:] if identity[:1] in ("P", "p") and identity[1:].isdigit() else identity


def in_a_test(identity: str) -> bool:
    """Whether a talker is a test talker; LJSpeech has one, and its utterances are split; IEMOCAP's last session is the
    test.
    """
    if identity == "LJ":
        return False
    if identity.startswith("Ses"):
        return identity.startswith("Ses05")
    if identity.startswith("Actor_"):
        return split_of("actor", identity) == "eval"
    return split_of("talker", talker(identity)) == "eval"


def cards(root: Path) -> list[Path]:
    """The cards of weights; `scratch` has a card of nothing."""
    return sorted(path for path in (root / "weights").glob("*.json") if path.stem != "scratch")


def test_no_test_talker_was_ever_trained_on(root: Path) -> None:
    for path in cards(root):
        seen = read_json(path)["data"]["training_ids"]
        if "session" in seen:
            continue  # images: below
        speakers = seen["speaker"]
        assert speakers, path
        assert not [s for s in speakers if in_a_test(s)], path


def test_no_test_photograph_was_ever_trained_on(root: Path) -> None:
    """Half images: photographs stand for persons, numbered from 1, those of the test split last."""
    tests = {f"person{len(TRAINING) + 1 + number}" for number in range(len(TESTING))}
    seen = [read_json(path)["data"]["training_ids"] for path in cards(root)]
    images = [set(ids["session"]) for ids in seen if "session" in ids]
    assert len(images) == 9 and all(len(ids) == len(TRAINING) and not ids & tests for ids in images)


def test_no_test_noise_and_no_test_room_either(root: Path) -> None:
    """Noise ids fall into splits by their hash; CHiME-6 rooms are `session-location`, split by the session's number."""
    tests = set(itertools.islice(session_ids("eval"), 100))
    found = {"noise": 0, "room": 0}
    for path in cards(root):
        seen = read_json(path)["data"]["training_ids"]
        if "session" in seen:
            continue
        assert not [noise for noise in seen["noise"] if split_of("noise", noise) == "eval"], path
        assert not [room for room in seen["room"] if room.split("-")[0] in tests], path
        found = {kind: number + len(seen[kind]) for kind, number in found.items()}
    assert min(found.values()) > 0 and {"S01", "S21", "S32"} <= tests and not {"S02", "S03", "S30"} & tests


def test_weights_are_small_and_described(root: Path) -> None:
    folder = root / "weights"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LIMIT
    for path in folder.glob("*.safetensors"):
        if path.stem == "scratch":
            assert load_tensors(path) == {}
            continue
        card = read_json(path.with_suffix(".json"))
        assert card["run"] == path.stem and card["hours_seen"] > 0.0 and card["steps"] > 0
        assert card["data"]["note"] and card["device"] and card["validation"]
        # adversarial weights are the last ones, not those of the least loss
        kept = [row["total"] for row in card["curve"] if row["step"] == card["best_step"]]
        assert kept == pytest.approx([card["validation"]["total"]][: len(kept)], rel=1e-3), path


def test_talkers_of_both_kinds_of_corpora() -> None:
    assert (talker("P1089"), talker("p1089"), talker("en-gb-3"), talker("P")) == ("1089", "1089", "en-gb-3", "P")
    assert talker("00002336") == "9014"
    assert not in_a_test("LJ") and in_a_test("Ses05F") and not in_a_test("Ses01M")
