"""Every verdict is reachable, and only by the case that the rule describes."""

from __future__ import annotations

import numpy as np
import pytest

from thinwire.claims import Claim, judge_exact, judge_number, judge_ordering, judge_shown, not_testable
from thinwire.errors import PipelineError
from thinwire.metrics.statistics import Interval

RNG = np.random.default_rng(5)
NUMBER = {"type": "number", "tolerance": 3.0, "column": "psnr_magnitude", "quantity": "gain",
          "above": "a/ndpca", "below": "b/truncate"}  # fmt: skip


def claim(rule: dict, value: float | dict | None = None, floor: str | None = None, kind: str = "ordering") -> Claim:
    note = None if value is not None else "none printed"
    return Claim(id="p.c", paper="p", where="Fig 1", statement="so", kind=kind, paper_value=value, value_note=note,
                 unit="dB", measure="it", rule=rule, floor=floor, notebook="n")  # fmt: skip


def ordering(*names: str, **more: object) -> dict:
    return {"type": "ordering", "pairs": [{"name": name} for name in names], **more}


def around(mean: float, items: int = 40, spread: float = 0.2) -> np.ndarray:
    values = RNG.normal(size=items)
    return mean + spread * (values - values.mean()) / values.std()


def test_ordering_reproduced_contradicted_inconclusive() -> None:
    subject = claim(ordering("pair"))
    assert judge_ordering(subject, around(0.5), None).verdict == "reproduced"
    assert judge_ordering(subject, around(-0.5), None).verdict == "contradicted"
    straddling = judge_ordering(subject, around(0.01), None)
    assert straddling.verdict == "inconclusive"
    assert "items would settle it" in straddling.reason
    assert (
        straddling.ci_low is not None and straddling.ci_high is not None and straddling.ci_low < 0 < straddling.ci_high
    )


def test_chain_is_as_strong_as_its_weakest_pair() -> None:
    subject = claim(ordering("first", "second"))
    good, bad, open_ = around(0.5), around(-0.3), around(0.01)
    assert judge_ordering(subject, {"first": good, "second": good}, None).verdict == "reproduced"
    assert judge_ordering(subject, {"first": good, "second": open_}, None).verdict == "inconclusive"
    worst = judge_ordering(subject, {"first": open_, "second": bad}, None)
    assert worst.verdict == "contradicted"
    assert worst.measured == pytest.approx(-0.3)
    assert "first: " in worst.reason and "second: " in worst.reason


def test_few_items_and_no_difference_are_inconclusive() -> None:
    few = judge_ordering(claim(ordering("pair")), around(0.5, items=5), None)
    assert few.verdict == "inconclusive" and "fewer than the 8" in few.reason
    assert judge_ordering(claim(ordering("pair")), np.zeros(20), None).verdict == "inconclusive"


def test_below_the_floor_nothing_is_decided() -> None:
    subject = claim(ordering("pair"), floor="weak")
    for mean in (0.5, -0.5):
        weak = judge_ordering(subject, around(mean), False, "margin 0.2 dB")
        assert weak.verdict == "inconclusive" and "floor; margin 0.2 dB" in weak.reason
    assert judge_ordering(subject, around(0.5), True).verdict == "reproduced"
    with pytest.raises(PipelineError, match="p.c: floor `weak` was not measured"):
        judge_ordering(subject, around(0.5), None)
    number = claim(NUMBER, 19.0, floor="weak", kind="number")
    assert judge_number(number, Interval(19.0, 18.0, 20.0, 40), True, floor_ok=False).verdict == "inconclusive"


def test_ordering_wants_the_pairs_of_its_rule() -> None:
    with pytest.raises(PipelineError, match="wants first, second, got first"):
        judge_ordering(claim(ordering("first", "second")), {"first": around(1.0)}, None)
    with pytest.raises(PipelineError, match="at least 3"):
        judge_ordering(claim(ordering(at_least=3)), {"a": around(1.0), "b": around(1.0)}, None)
    sweep = judge_ordering(claim(ordering(at_least=2)), {"a": around(1.0), "b": around(1.0)}, None)
    assert sweep.verdict == "reproduced"
    with pytest.raises(PipelineError, match="finite"):
        judge_ordering(claim(ordering("pair")), np.array([1.0, np.nan]), None)


@pytest.mark.parametrize(
    ("measured", "low", "high", "same", "verdict"),
    [
        (20.0, 19.0, 21.0, True, "within_tolerance"),
        (25.0, 21.0, 29.0, True, "inconclusive"),
        (30.0, 28.0, 32.0, True, "differs"),
        (19.0, 18.0, 20.0, False, "inconclusive"),
        (10.0, 9.0, 11.0, False, "differs"),
    ],
)
def test_number(measured: float, low: float, high: float, same: bool, verdict: str) -> None:
    judged = judge_number(claim(NUMBER, 19.0, kind="number"), Interval(measured, low, high, 40), same, reason="+1.2 dB")
    assert judged.verdict == verdict
    assert "interval above no difference (0 dB)" in judged.reason and "+1.2 dB" in judged.reason


def test_a_margin_makes_no_worse_suffice() -> None:
    equal = claim({"type": "ordering", "pairs": [{"name": "a", "margin": 0.1}, {"name": "b", "margin": 0.1}]})
    assert judge_ordering(equal, {"a": around(0.02), "b": around(-0.02)}, None).verdict == "reproduced"
    assert judge_ordering(equal, {"a": around(0.3), "b": around(-0.3)}, None).verdict == "contradicted"
    close = judge_ordering(equal, {"a": around(0.1), "b": around(-0.11)}, None)
    assert close.verdict == "inconclusive" and "straddles -0.1" in close.reason
    assert close.measured == pytest.approx(-0.11)


@pytest.mark.parametrize(
    ("first", "second", "same", "verdict"),
    [
        ((2.0, 1.9, 2.1), (0.9, 0.89, 0.91), True, "within_tolerance"),
        ((2.0, 1.9, 2.1), (0.5, 0.49, 0.51), True, "differs"),
        ((2.3, 2.05, 2.5), (0.9, 0.89, 0.91), True, "inconclusive"),
        ((2.0, 1.9, 2.1), (0.9, 0.89, 0.91), False, "inconclusive"),
        ((1.5, 1.4, 1.6), (0.9, 0.89, 0.91), False, "differs"),
    ],
)
def test_of_several_numbers_the_worst_decides(first: tuple, second: tuple, same: bool, verdict: str) -> None:
    rule = {"type": "number", "quantity": "value", "system": "a", "tolerance": {"pesq": 0.1, "stoi": 0.01}}
    subject = claim(rule, {"pesq": 2.0, "stoi": 0.9}, kind="number")
    judged = judge_number(subject, {"pesq": Interval(*first, 40), "stoi": Interval(*second, 40)}, same)
    assert judged.verdict == verdict and judged.measured == {"pesq": first[0], "stoi": second[0]}
    assert "pesq measured" in judged.reason and "stoi measured" in judged.reason
    with pytest.raises(PipelineError, match="wants pesq, stoi, got pesq"):
        judge_number(subject, {"pesq": Interval(*first, 40)}, same)


def test_exact_and_shown_heed_the_floor() -> None:
    exact = claim({"type": "exact", "holds_when": "equal"}, floor="weak")
    assert judge_exact(exact, 1.0, True, floor_ok=False, reason="0.4").verdict == "inconclusive"
    assert judge_exact(exact, 1.0, True, floor_ok=True).verdict == "reproduced"
    with pytest.raises(PipelineError, match="floor `weak` was not measured"):
        judge_exact(exact, 1.0, True)
    shown = claim({"type": "shown", "checks": {"one": "one"}}, kind="picture", floor="weak")
    assert judge_shown(shown, {"one": False}, floor_ok=False, evidence=["f.png"]).verdict == "inconclusive"
    assert "inconclusive" in exact.possible() & shown.possible()


def test_number_says_on_which_side_of_no_difference_it_lies() -> None:
    subject = claim(NUMBER | {"quantity": "ratio"}, 91.0, kind="number")
    assert "below no difference (100" in judge_number(subject, Interval(98.0, 97.0, 99.0, 40), False).reason
    assert "includes no difference (100" in judge_number(subject, Interval(99.0, 97.0, 101.0, 40), False).reason


def test_exact() -> None:
    rule = {"type": "exact", "holds_when": "equal"}
    assert judge_exact(claim(rule), 1.0, True).verdict == "reproduced"
    assert judge_exact(claim(rule), 2.0, False).verdict == "contradicted"
    setting = claim(rule | {"holds": "within_tolerance", "otherwise": "differs"})
    assert judge_exact(setting, {"n_fft": 2048.0}, True).verdict == "within_tolerance"
    assert judge_exact(setting, {"n_fft": 512.0}, False).verdict == "differs"


def test_shown() -> None:
    subject = claim({"type": "shown", "checks": {"one": "one decoder", "two": "two encoders"}}, kind="picture")
    assert judge_shown(subject, {"one": True, "two": True}, evidence=["f.png"]).verdict == "reproduced"
    failed = judge_shown(subject, {"one": True, "two": False}, evidence=["f.png"])
    assert failed.verdict == "contradicted" and "two encoders" in failed.reason and "one decoder" not in failed.reason
    with pytest.raises(PipelineError, match="wants one, two, got one"):
        judge_shown(subject, {"one": True}, evidence=["f.png"])
    with pytest.raises(PipelineError, match="evidence"):
        judge_shown(subject, {"one": True, "two": True})


def test_not_testable_prints_what_was_measured() -> None:
    judged = not_testable(claim({"type": "not_testable", "reason": "cells missing"}), {"mse": 0.1})
    assert (judged.verdict, judged.measured, judged.reason) == ("not_testable", {"mse": 0.1}, "cells missing")


def test_a_rule_is_not_applied_to_another_kind_of_claim() -> None:
    with pytest.raises(PipelineError, match="p.c: its rule is `exact`"):
        judge_ordering(claim({"type": "exact", "holds_when": "equal"}), around(1.0), None)
