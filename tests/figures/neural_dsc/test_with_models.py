"""What the notebooks compute with trained codecs and priors themselves: who sees what, traits of speech, parameters."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from thinwire.evaluation.neural_dsc.codecs import decoded_table
from thinwire.figures.neural_dsc import architecture, changes, look, models, parameters, prior, wrong_side_information
from thinwire.figures.paths import Page
from thinwire.nn.trainable import count_parameters
from thinwire.params.neural_dsc import NdscRow, Settings
from thinwire.params.neural_dsc_prior import Settings as PriorSettings
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior

IMAGES, SPEECH = "halves_d_4", "mel_d_8x8"


@pytest.fixture
def page(root: Path, workspace: Path, open_ndsc: Callable[[str], Page]) -> Page:
    """A page of a workspace with priors, models and items."""
    fake = runpy.run_path(str(root / "tests" / "notebooks" / "fake_neural_dsc_prior.py"))
    if not (workspace / "models" / IMAGES).exists():
        fake["write_priors"](workspace)
        fake["write_models"](workspace)
    return open_ndsc("look_inside")


def net_of(form: str) -> tuple[NeuralDsc, LatentPrior]:
    """A small codec of images in a form, and a prior of its indices."""
    torch.manual_seed(3)
    row = NdscRow(data="halves", after="", steps=1, domain="halves", form=form, bits=2)
    net = NeuralDsc(Settings(), row, (3, 16, 16))
    with torch.no_grad():
        net.train()(torch.randn(4, 3, 16, 16), torch.randn(4, 3, 16, 16), None, torch.Generator().manual_seed(1))
    return net.eval().requires_grad_(False), LatentPrior(PriorSettings(), 4, 4)


@pytest.mark.parametrize(
    ("form", "seen"), [("distributed", (True, True)), ("joint", (False, True)), ("separate", (True, False))]
)
def test_checks_tell_the_forms_apart(form: str, seen: tuple[bool, bool]) -> None:
    net, after = net_of(form)
    x, y, other = (torch.randn(1, 3, 16, 16) * 0.2 for _ in range(3))
    checks, measured = architecture.checks_of(net, after, x, y, other)
    assert (checks["encoder"], checks["decoder"]) == seen
    assert checks["prior"]
    assert (measured["gradient_of_latents_in_y"] == 0.0) == seen[0]
    assert not any(weight.requires_grad for weight in net.parameters())


def test_boxes_hold_all_parameters_of_the_modules(page: Page) -> None:
    found = architecture.describe(page, IMAGES, f"prior_{IMAGES}")
    net, after = models.load_net(page, IMAGES), models.load_prior(page, f"prior_{IMAGES}")
    parts = ("encoder", "decoder", "side information")
    size = {part: sum(step.parameters for step in found.of(part)) for part in parts}
    assert size["encoder"] == sum(weight.numel() for weight in net.encoder.parameters())
    assert size["decoder"] + size["side information"] == sum(weight.numel() for weight in net.decoder.parameters())
    assert sum(step.parameters for step in found.of("prior")) == sum(w.numel() for w in after.parameters())
    (codebook,) = found.of("codebook")
    assert codebook.shape == "4 x 8" and codebook.parameters == net.codewords * net.quantiser.dimension
    assert [verdict.verdict for verdict in architecture.judge(page, found)] == ["reproduced", "not_testable"]
    plt.close(architecture.draw(page, found, ""))


@pytest.mark.parametrize("run", [IMAGES, SPEECH])
def test_decoded_items_are_those_of_the_tables(run: str, page: Page) -> None:
    found = models.decode_items(page, run)
    for si in ("correct", "wrong"):
        if run == SPEECH:
            side = found.net.standardise(found.items.x) - found.net.standardise(found.outputs[si])
            wanted = -10.0 * torch.log10(side.double().square().mean((1, 2, 3)))
        else:
            table = decoded_table(page.params, found.net, found.items, found.indices, si)
            wanted = torch.tensor(table["psnr"].tolist())
        assert [found.psnr(si, k) for k in range(len(found.items))] == pytest.approx(wanted.tolist(), abs=1e-4)
    groups = found.items.table["group"].to_numpy()
    assert (groups[found.wrong] != groups).all()
    torch.testing.assert_close(found.sides["wrong"], found.items.y[torch.from_numpy(found.wrong)])
    for figure in (wrong_side_information.draw_pictures(found), look.draw_item(found)):
        plt.close(figure)


def maps(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (3, 1, 8, 20))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (np.full((1, 1, 1, 1), 0.7), "mean level"),
        (np.linspace(-1, 1, 8)[None, None, :, None], "mean spectrum (voice and microphone)"),
    ],
)
def test_a_trait_has_the_others_taken_out(change: np.ndarray, name: str) -> None:
    before, after = changes.traits(maps(1)), changes.traits(maps(1) + change)
    moved = {trait: np.abs(after[trait] - before[trait]).max() for trait in before}
    assert moved.pop(name) > 1.0
    assert max(moved.values()) < 1e-9


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_towards_is_the_share_of_the_way(share: float, page: Page) -> None:
    x = torch.from_numpy(maps(2)).float()
    wrong = np.array([1, 2, 0])
    between = (1.0 - share) * x + share * x[torch.from_numpy(wrong)]
    items = models.Items(pd.DataFrame({"segment_id": list("abc"), "group": list("abc")}), x, x)
    outputs = dict.fromkeys(("correct", "wrong", "random", "absent"), between)
    found = models.Decoded(net_of("distributed")[0], items, torch.zeros(3, 1, 2), {}, outputs, wrong)
    rows = changes.table(page, found).set_index(["trait", "si"])["towards"]
    for trait in list(changes.TRAITS)[:3]:  # quantiles are not linear
        assert rows[trait, "wrong"] == pytest.approx(share, abs=1e-5)


def test_prior_attends_to_the_past_alone(page: Page) -> None:
    found, after = models.decode_items(page, IMAGES), models.load_prior(page, f"prior_{IMAGES}")
    weights = look.attention(after, found.indices[0])
    assert weights.shape[-1] == found.indices[0].numel()
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)
    assert np.triu(weights, 1).max() == 0.0
    plt.close(look.draw_attention(found, after))


def test_attention_table_finds_neighbours() -> None:
    grid, length = (3, 4), 12
    before, above = np.eye(length), np.zeros((length, length))
    above[:, 0] = 1.0
    for place in range(4, length):
        above[place] = np.eye(length)[place - 4 + 1]
    rows = look.attention_table(np.stack([before, above])[None], grid)
    assert rows["before"].tolist() == pytest.approx([1.0, 0.0], abs=0.15)
    assert rows["above"].tolist() == pytest.approx([0.0, 1.0])
    assert rows["positions"].tolist() == pytest.approx([1.0, 1.0])


def test_conditioning_is_of_y_alone_and_of_all_of_it(page: Page) -> None:
    found = models.decode_items(page, IMAGES)
    one, other = (look.conditioning(found.net, found.items.y[k]) for k in (0, 1))
    assert one.shape[1:] == tuple(found.indices.shape[1:])
    assert np.abs(one - other).max() > 0.0


def test_perplexity_and_plane() -> None:
    assert look.perplexity(pd.DataFrame({"share": [0.25] * 4 + [0.0]})) == pytest.approx(4.0)
    line = np.outer(np.linspace(-1, 1, 9), [3.0, 4.0, 0.0])
    places, shares = look.plane(line)
    assert np.ptp(places[:, 0]) == pytest.approx(10.0)
    assert shares.tolist() == pytest.approx([1.0, 0.0], abs=1e-9)


def test_codebook_table_is_sorted_by_use(page: Page) -> None:
    net = models.load_net(page, IMAGES)
    use = look.usage(page, net, IMAGES)
    assert use["count"].is_monotonic_decreasing
    assert use["share"].sum() == pytest.approx(1.0)
    norms = net.quantiser.codebook.norm(dim=1)[torch.tensor(use["codeword"].to_numpy())]
    assert use["norm"].tolist() == pytest.approx(norms.tolist(), rel=1e-5)
    plt.close(look.draw_codebook(net, use, ""))


def test_parameters_are_those_of_real_modules(page: Page) -> None:
    table = parameters.part_table(page, [IMAGES, "grad_d"], [f"prior_{IMAGES}"])
    here = table[table["size"] == "here"].groupby("run")["parameters"].sum()
    net = models.load_net(page, IMAGES).requires_grad_(True)
    after = parameters.prior_parameters(page, f"prior_{IMAGES}")
    assert here[IMAGES] == count_parameters(net) + net.quantiser.codebook.numel() + after
    assert set(table[table["run"] == "grad_d"]["part"]) == set(parameters.PARTS) - {"prior"}
    paper = table[table["size"] == "paper"].groupby("run")["parameters"].sum()
    assert paper[IMAGES] > here[IMAGES]
    assert paper["grad_d"] == here["grad_d"]
    plt.close(parameters.draw_parts(table, ""))
    (verdict,) = parameters.judge(page, table)
    assert verdict.verdict == "not_testable"


def test_forms_differ_by_what_reads_y(page: Page) -> None:
    table = parameters.form_table(page, {"halves": IMAGES}).set_index("form")
    assert table.loc["separate", "SI and conditioning nets"] == 0
    assert table.loc["distributed", "encoder"] == table.loc["separate", "encoder"] < table.loc["joint", "encoder"]
    assert table["decoder"].nunique() == 1
    plt.close(parameters.draw_forms(table.reset_index(), ""))


def test_prior_counts_saved_bits(page: Page) -> None:
    runs = [f"prior_{run}" for run in ("stereo_d_8x8", "halves_d_4", "mel_d_8x8")]
    items = prior.load(page, runs)
    rates = prior.summary(page, items).set_index("run")
    for run in runs:
        part = items[items["run"] == run]
        left = (part["payload_bits"] / part["fixed_bits"]).mean()
        assert rates.loc[run, "saved_percent"] == pytest.approx(100.0 * (1.0 - left))
    assert (rates["over_ideal_bits"] > 0).all()
    (verdict,) = prior.judge(page, items, runs)
    assert verdict.verdict == "reproduced"
    dearer = items.assign(payload_bits=items["fixed_bits"] + 8.0)
    assert prior.judge(page, dearer, runs)[0].verdict == "contradicted"
    plt.close(prior.draw_saved(rates.reset_index(), ""))
    plt.close(prior.draw_ideal(items, ""))
    plt.close(prior.draw_where(page, runs))
