"""The scoreboard is complete or it is not written, and every link of its pages leads somewhere."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from thinwire.artifacts import read_json, write_json
from thinwire.claims import (
    Claim,
    Verdict,
    judge_exact,
    judge_number,
    judge_ordering,
    judge_shown,
    load_paper,
    not_testable,
    write_verdicts,
)
from thinwire.errors import PipelineError
from thinwire.metrics.statistics import Interval
from thinwire.pipeline.scoreboard import build_board, show, write_scoreboard
from thinwire.pipeline.site import write_site

KEYS = {
    "id", "paper", "where", "statement", "paper_value", "unit", "measured", "ci_low", "ci_high", "verdict", "reason",
    "evidence", "scale",
}  # fmt: skip


def judged(claim: Claim, evidence: list[str]) -> Verdict:
    rule = claim.rule
    if rule.type == "ordering":
        differences = np.random.default_rng(0).normal(0.4, 0.2, 20)
        return judge_ordering(claim, {p.name: differences for p in rule.pairs} or dict.fromkeys("abc", differences),
                              True, evidence=evidence, draws=50)  # fmt: skip
    if rule.type == "number":
        return judge_number(claim, Interval(20.0, 18.9, 21.0, 20), False, floor_ok=True, evidence=evidence)
    if rule.type == "exact":
        return judge_exact(claim, 1.0, True, evidence=evidence)
    if rule.type == "shown":
        return judge_shown(claim, dict.fromkeys(rule.checks, False), {"a|b": 1.0}, evidence=evidence)
    return not_testable(claim, evidence=evidence)


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A repository in which every notebook of ndpca has run."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "docs").mkdir()
    for name in ("papers/ndpca.yaml", "docs/claims.md", "params.yaml"):
        shutil.copy(root / name, tmp_path / name)
    paper = load_paper("ndpca", root)
    for name in paper.notebooks:
        for path in (
            f"figures/ndpca/{name}/curves_db.png",
            f"tables/ndpca/{name}/data.csv",
            f"notebooks/ndpca/{name}.html",
        ):
            (tmp_path / "reports" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "reports" / path).write_bytes(b"x")
        (tmp_path / "notebooks/ndpca").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"notebooks/ndpca/{name}.ipynb").write_text("{}")
        cell = {"metadata": {"tags": ["injected-parameters"]}, "source": ["# Parameters\n", "grid = [2, 4]\n"]}
        write_json(tmp_path / f"reports/notebooks/ndpca/{name}.ipynb", {"cells": [cell]})
        evidence = [f"reports/figures/ndpca/{name}/curves_db.png"]
        verdicts = [judged(claim, evidence) for claim in paper.claims if claim.notebook == name]
        write_verdicts(tmp_path / f"reports/verdicts/ndpca/{name}.json", verdicts)
    return tmp_path


def test_every_claim_has_a_row(project: Path) -> None:
    write_scoreboard(project)
    rows = read_json(project / "reports/scoreboard.json")
    assert [row["id"] for row in rows] == [claim.id for claim in load_paper("ndpca", project).claims]
    assert all(set(row) >= KEYS and row["scale"] == "default" for row in rows)
    assert {row["verdict"] for row in rows} >= {
        "reproduced",
        "differs",
        "contradicted",
        "not_testable",
        "within_tolerance",
    }


def test_a_missing_verdict_is_named_and_nothing_is_written(project: Path) -> None:
    path = project / "reports/verdicts/ndpca/bits.json"
    path.write_text("[]")
    with pytest.raises(PipelineError, match=r"bits.json: no verdict for claim ndpca.var_dim_beats_entropy"):
        write_scoreboard(project)
    path.unlink()
    with pytest.raises(PipelineError, match=r"bits.json: not there"):
        write_scoreboard(project)
    assert not (project / "reports/scoreboard.json").exists() and not (project / "reports/README.md").exists()


def test_a_paper_that_nothing_has_judged_yet_is_left_out(project: Path) -> None:
    rules = (project / "papers/ndpca.yaml").read_text()
    (project / "papers/later.yaml").write_text(rules)
    assert {paper.paper for paper in build_board(project).papers} == {"ndpca"}
    shutil.rmtree(project / "reports/verdicts")
    with pytest.raises(PipelineError, match=r"rules for later, ndpca, but no verdicts below reports/"):
        build_board(project)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("verdict", "within_tolerance", "var_dim_beats_entropy: verdict 'within_tolerance' is not one its rule gives"),
        (
            "evidence",
            ["reports/figures/none.png"],
            "var_dim_beats_entropy: evidence reports/figures/none.png is not there",
        ),
        ("id", "ndpca.fig3b_order", "bits.json: claim ndpca.fig3b_order: .* does not give it"),
    ],
)
def test_a_verdict_that_does_not_fit_is_named(project: Path, key: str, value: object, text: str) -> None:
    path = project / "reports/verdicts/ndpca/bits.json"
    rows = read_json(path)
    path.write_text(json.dumps([rows[0] | {key: value}, *([rows[0]] if key == "id" else [])]))
    with pytest.raises(PipelineError, match=text):
        write_scoreboard(project)


def test_readme_links_lead_somewhere(project: Path) -> None:
    write_scoreboard(project)
    text = (project / "reports/README.md").read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert (project / "reports" / target).exists(), target
    table = [
        line
        for line in text.splitlines()
        if line.startswith(("| 🟢", "| ⚪", "| 🟠", "| 🔴", "| ⚫")) and "`ndpca." in line
    ]
    assert len(table) == 38
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in table)
    assert "19 %" in text and text.count("](figures/") >= 10


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_site_links_lead_somewhere_and_stay_local(project: Path) -> None:
    write_scoreboard(project)
    page = write_site(project).read_text()
    links = Links()
    links.feed(page)
    assert links.open == []
    assert len(links.targets) > 60
    assert not any("://" in target for target in links.targets)
    assert all((project / "reports" / target).is_file() for target in links.targets)
    assert page.count("<tr id=") == 38 and "grid = [2, 4]" in page and "ndpca_capacity" in page


def test_site_bytes_are_the_same_twice(project: Path) -> None:
    write_scoreboard(project)
    first = write_site(project).read_bytes()
    assert write_site(project).read_bytes() == first


def test_site_refuses_a_dead_link(project: Path) -> None:
    write_scoreboard(project)
    (project / "reports/notebooks/ndpca/room.html").unlink()
    with pytest.raises(PipelineError, match="reports/notebooks/ndpca/room.html"):
        write_site(project)
    assert not (project / "reports/index.html").exists()


def test_values_are_shown_for_people() -> None:
    assert [show(value) for value in (None, 16000.0, 18.75, 0.0, {"n_fft": 2048.0, "hop": 512.0})] == [
        "–", "16000", "18.8", "0", "n_fft 2048, hop 512",
    ]  # fmt: skip
