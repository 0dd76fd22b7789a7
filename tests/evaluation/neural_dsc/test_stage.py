"""From simulated corpora to results: tiny codecs and a prior of images, gradients and bits, and what they are compared
with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from exact_coders import range_bytes
from tiny_workspace import inside

from thinwire.artifacts import read_json
from thinwire.coding.quantise import IntegerTable
from thinwire.corpora import bits, gradients, halves, mnist
from thinwire.corpora.simulate.bits import write_bits
from thinwire.corpora.simulate.halves import write_halves
from thinwire.corpora.simulate.mnist import write_mnist
from thinwire.errors import PipelineError
from thinwire.evaluation.neural_dsc import compared, priors, stage
from thinwire.evaluation.neural_dsc.codecs import encode
from thinwire.evaluation.neural_dsc.items import SIDES, load_items
from thinwire.systems.neural_dsc.prior import StepwisePrior
from thinwire.training.adapters.neural_dsc_prior import load_coder
from thinwire.training.stage import train
from thinwire.training.state import load_tensors

TREE = """
systems:
  neural_dsc:
    conv: {width: 2, code_dim: 3}
    dense: {hidden: 12, code_dim: 2}
    training: {batch: 8, lr: 0.01}
  neural_dsc_prior: {dim: 8, blocks: 1, heads: 2, dff: 12, training: {batch: 8}}
runs:
  neural_dsc:
    faces: {data: halves, after: data/segments/halves, steps: 6, domain: halves, bits: 3, downsample: 8}
    prior: {system: neural_dsc_prior, data: halves, after: models/faces, steps: 4}
    flips: {data: bits, after: data/segments/bits, steps: 6, domain: bits, bits: 1}
    grad_j: {data: gradients, after: data/segments/gradients, steps: 6, domain: gradients, bits: 8, form: joint}
    grad_d: {data: gradients, after: data/segments/gradients, steps: 6, domain: gradients, bits: 8}
    grad_s: {data: gradients, after: data/segments/gradients, steps: 6, domain: gradients, bits: 8, form: separate}
evaluation:
  bootstrap: 100
  neural_dsc:
    items: 6
    look_items: 2
    flipped_blocks: 10
    models: 2
    federated: {epochs: 1, batch: 64, seeds: 2}
corpora:
  halves: {size: 32}
  gradients: {runs: {train: 3, dev: 1, eval: 1}, steps: 8, batch: 16}
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Path]:
    """A workspace in which everything is trained and measured."""
    folder = tmp_path_factory.mktemp("ndsc")
    (folder / "weights").symlink_to(root / "weights")
    tree = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    for key, value in yaml.safe_load(TREE).items():
        tree[key] = tree.get(key, {}) | value if key in ("systems", "corpora") else value
    for row in tree["runs"]["neural_dsc"].values():
        row.setdefault("system", "neural_dsc")
    tree["simulate"] |= {"halves": {"crops": 2}, "bits": {"train": 64, "dev": 16, "eval_blocks": 12}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    with inside(folder) as params:
        corpora = {"halves": (write_halves, halves), "bits": (write_bits, bits), "mnist": (write_mnist, mnist)}
        for name, (write, module) in corpora.items():
            made, out = Path("data/sim") / name, Path("data/segments") / name
            made.mkdir(parents=True)
            out.mkdir(parents=True, exist_ok=True)
            write(params.simulate, 1, made)
            module.extract(made, out, getattr(params.corpora, name), 1)
        Path("data/segments/gradients").mkdir(parents=True)
        gradients.extract(Path("data/segments/mnist"), Path("data/segments/gradients"), params.corpora.gradients, 1)
        for name in ("faces", "prior", "flips", "grad_j", "grad_d", "grad_s"):
            train(params, name)
            stage.evaluate(params, name)
        compared.compare(params)
    yield folder / "results"


def test_an_item_has_a_row_for_each_kind_of_side_information_and_costs_once(measured: Path) -> None:
    items = pd.read_parquet(measured / "faces/items.parquet")
    assert items.groupby("si").size().to_dict() == dict.fromkeys(SIDES, 6)
    own = items[items["si"] == "correct"]
    assert (own["fixed_bits"] == 3 * 2 * 4).all() and (own["payload_bits"] == own["fixed_bits"]).all()
    assert (own["bpp"] == own["payload_bits"] / (16 * 32)).all()
    assert items.loc[items["si"] != "correct", "payload_bits"].isna().all()
    assert np.allclose(items["psnr"], -10 * np.log10(items["mse"])) and (items["ms_ssim"] <= 1).all()
    assert pd.read_parquet(measured / "faces/usage.parquet")["count"].sum() == 6 * 8


def test_what_is_kept_is_what_the_table_is_about(measured: Path) -> None:
    items = pd.read_parquet(measured / "faces/items.parquet").set_index(["segment_id", "si"])
    with np.load(measured / "faces/look.npz") as look:
        ids = {name.rpartition("/")[0] for name in look.files}
        assert len(ids) == 2
        for item in ids:
            for kind in SIDES:
                error = np.mean((look[f"{item}/x"].astype(float) - look[f"{item}/{kind}"]) ** 2)
                assert np.isclose(error, items.loc[(item, kind), "mse"], rtol=1e-4)


def test_a_prior_costs_real_bytes_near_its_cross_entropy(measured: Path) -> None:
    rates = pd.read_parquet(measured / "prior/rates.parquet")
    assert len(rates) == 6 and (rates["codec"] == "faces").all()
    assert (rates["reference_bits"] == np.ceil(rates["ideal_bits"]) + 1).all()
    with inside(measured.parent) as params:
        coder = load_coder(params, "faces", "prior")
        indices = encode(coder.model, load_items(params, params.run("faces"))).reshape(6, -1).numpy()
    assert coder.bitstream.prior is not None
    tables = coder.bitstream.prior.tables(indices)
    for place, (own, each) in enumerate(zip(indices, tables, strict=True)):
        told = sum(float(table.bits(index)) for table, index in zip(each, own, strict=True))
        assert np.isclose(rates["ideal_bits"][place], told, rtol=1e-4)
        assert rates["payload_bits"][place] == 8 * range_bytes(own, each) <= told + 16
    with np.load(measured / "prior/bits.npz") as kept:
        for item in kept.files:
            assert np.isclose(kept[item].sum(), rates.set_index("segment_id").loc[item, "ideal_bits"], rtol=1e-4)


@pytest.mark.parametrize("name", ["faces", "prior", "grad_d"])
def test_told_parameters_are_those_of_the_weights_in_use(measured: Path, name: str) -> None:
    """Whose file holds, beside them, the statistics of codewords and of items."""
    weights = load_tensors(measured.parent / "models" / name / "model.safetensors")
    told = read_json(measured / name / "run.json")["parameters"]
    statistics = ("quantiser.count", "quantiser.total", "mean", "std", "side_mean", "side_std")
    expected = {key: value.numel() for key, value in weights.items() if key not in statistics}
    assert set(told) == {key.split(".")[0] for key in expected}
    for part, count in told.items():
        assert count == sum(size for key, size in expected.items() if key.split(".")[0] == part) > 0


def test_the_bytes_that_a_prior_costs_are_decoded_item_by_item(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables are made once for coding and once for decoding; another table in the decoder is found out."""
    made, asked = StepwisePrior.tables, StepwisePrior.next_table
    coded: list[int] = []
    decoded: list[int | None] = []
    monkeypatch.setattr(StepwisePrior, "tables", lambda own, indices: coded.append(len(indices)) or made(own, indices))
    monkeypatch.setattr(
        StepwisePrior, "next_table", lambda own, *before: decoded.append(before[0]) or asked(own, *before)
    )
    with inside(measured.parent) as params:
        means = priors.measure_prior(params, "prior", tmp_path)
        assert sum(coded) == 6 and len(decoded) == 6 * 8
        assert means["payload_bits"] == pd.read_parquet(measured / "prior/rates.parquet")["payload_bits"].mean()
        asks = itertools.count(1)

        def renamed_at_the_end(own: StepwisePrior, *before: int | None) -> IntegerTable:
            """The same counts, so that the bytes stay genuine, for other symbols at an item's last place."""
            table = asked(own, *before)
            return replace(table, low=1) if next(asks) % 8 == 0 else table

        monkeypatch.setattr(StepwisePrior, "next_table", renamed_at_the_end)
        with pytest.raises(PipelineError, match="bytes decode to other indices"):
            priors.measure_prior(params, "prior", tmp_path)


def test_bits_and_gradients_are_measured_in_their_own_units(measured: Path) -> None:
    flips = pd.read_parquet(measured / "flips/items.parquet")
    assert ((flips["bit_errors"] > 0) == (flips["block_error"] > 0)).all() and flips["p"].nunique() == 8
    grad = pd.read_parquet(measured / "grad_d/items.parquet")
    assert (grad.loc[grad["si"] == "correct", "payload_bits"] == 320).all() and (grad["sse"] > 0).all()
    run = read_json(measured / "grad_d/run.json")
    assert run["shape"] == [412] and run["grid"] == [40]


def test_comparisons_hold_what_theory_says(measured: Path) -> None:
    folder = measured / "neural_dsc_compared"
    found = read_json(folder / "compared.json")
    assert found["fewest_messages"] == {"joint": 4, "distributed": 4, "separate": 8}
    assert pd.read_parquet(folder / "delbo.parquet")["smallest"].min() > -1e-9
    flipped = pd.read_parquet(folder / "flipped.parquet")
    proper = flipped[flipped["decoder"] == "proper"].groupby("p")["block_error"].mean()
    copying = flipped[flipped["decoder"] == "copying"].groupby("p")["block_error"].mean()
    assert proper[0.003] < copying[0.003]
    gradient = pd.read_parquet(folder / "gradients.parquet")
    bits_each = gradient.groupby("coder")["bits"].first()
    assert (bits_each.drop(["uncompressed", "copy"]) <= 320).all() and bits_each["grad_d"] == 320
    assert np.allclose(gradient.loc[gradient["coder"] == "uncompressed", "sse"], 0.0)
    curves = pd.read_parquet(folder / "federated.parquet")
    assert curves["epoch"].max() == 1.0 and curves["seed"].nunique() == 2
