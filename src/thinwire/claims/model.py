"""What `papers/<paper>.yaml` may say: claims, the five kinds of rule, floors, and the notebooks that judge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thinwire.params.base import Section

VerdictName = Literal["reproduced", "contradicted", "inconclusive", "within_tolerance", "differs", "not_testable"]
VERDICTS: tuple[VerdictName, ...] = (
    "reproduced", "within_tolerance", "inconclusive", "differs", "contradicted", "not_testable",
)  # fmt: skip
Value = float | dict[str, float] | None
SYSTEM = r"^[A-Za-z0-9_]+/(ndpca|pca_equal|truncate|fixed)$"


class Pair(Section):
    """One step of an ordering: the difference (better minus worse) must be above zero.

    `better` and `worse` name rows of the evaluation tables as `run/bottleneck`; a pair over other quantities leaves
    them out.
    """

    name: str
    better: str | None = Field(None, pattern=SYSTEM)
    worse: str | None = Field(None, pattern=SYSTEM)


class OrderingRule(Section):
    """Every pair's paired difference over the same test items must have a 95 % interval above zero.

    All above: reproduced. One below: contradicted. Otherwise inconclusive. `pairs` may stay empty when a parameter
    decides how many there are (the members of a sweep); then at least `at_least` of them are needed.
    """

    type: Literal["ordering"]
    column: str | None = Field(None, description="column of items.parquet, averaged over the bandwidth grid")
    pairs: list[Pair] = []
    at_least: int = Field(1, ge=1)
    min_items: int = Field(8, ge=2, description="fewer paired items than this are inconclusive whatever their interval")


class NumberRule(Section):
    """A measured number against the paper's, in the claim's unit.

    In the paper's own setting: within_tolerance when |measured - paper| <= `tolerance`; else inconclusive when the 95 %
    interval reaches the tolerance band, else differs. In any other setting: differs when the interval excludes the
    paper's value, else inconclusive.
    """

    type: Literal["number"]
    tolerance: float = Field(gt=0.0)
    column: str
    quantity: Literal["gain", "ratio"] = Field(description="100 (A / B - 1) or 100 A / B of grid-averaged values")
    above: str = Field(pattern=SYSTEM)
    below: str = Field(pattern=SYSTEM)

    @property
    def neutral(self) -> float:
        """The value in percent at which A and B are equal."""
        return 0.0 if self.quantity == "gain" else 100.0


class ExactRule(Section):
    """A statement that either holds or does not (analytic, by construction, or a setting); no interval."""

    type: Literal["exact"]
    holds_when: str
    holds: Literal["reproduced", "within_tolerance"] = "reproduced"
    otherwise: Literal["contradicted", "differs"] = "contradicted"


class ShownRule(Section):
    """A picture: drawn from the instantiated objects, and every named check on what it shows must hold."""

    type: Literal["shown"]
    checks: dict[str, str] = Field(min_length=1)
    otherwise: Literal["contradicted", "differs"] = "contradicted"


class NotTestableRule(Section):
    """Why nothing measured here could decide the claim."""

    type: Literal["not_testable"]
    reason: str


Rule = Annotated[OrderingRule | NumberRule | ExactRule | ShownRule | NotTestableRule, Field(discriminator="type")]


class Floor(Section):
    """Below this the models are too weak for a claim to mean anything, and the verdict is inconclusive.

    The best of `systems` at the largest bandwidth must exceed the mean-spectrum predictor by `margin_db` on the test
    items.
    """

    systems: list[str] = Field(min_length=1)
    column: Literal["psnr_magnitude"] = "psnr_magnitude"
    margin_db: float = Field(ge=0.0)


class Claim(Section):
    """One claim of a paper and how it will be judged."""

    id: str
    where: str
    statement: str
    kind: Literal["number", "ordering", "curve", "picture"]
    paper_value: Value = None
    value_note: str | None = Field(None, description="why there is no printed value, or where a value comes from")
    unit: str
    measure: str
    rule: Rule
    floor: str | None = None
    notebook: str

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        if self.paper_value is None and not self.value_note:
            raise ValueError("`paper_value` is null: say why in `value_note`")
        if self.rule.type == "number" and not isinstance(self.paper_value, float):
            raise ValueError("a rule of type `number` needs one number as `paper_value`")
        return self

    @property
    def paper(self) -> str:
        """The paper's short name, the id's first part."""
        return self.id.split(".", 1)[0]

    def possible(self) -> set[str]:
        """The verdicts that this claim's rule can give."""
        rule = self.rule
        if isinstance(rule, OrderingRule):
            return {"reproduced", "contradicted", "inconclusive"}
        if isinstance(rule, NumberRule):
            return {"within_tolerance", "differs", "inconclusive"}
        if isinstance(rule, ExactRule):
            return {rule.holds, rule.otherwise}
        if isinstance(rule, ShownRule):
            return {"reproduced", rule.otherwise}
        return {"not_testable"}


class Notebook(Section):
    """A notebook of the paper: what it is about, what it regenerates, and the pipeline stage that executes it."""

    title: str
    shows: str
    stage: str


class Paper(Section):
    """One `papers/<paper>.yaml`."""

    paper: str
    title: str
    source: str
    floors: dict[str, Floor] = {}
    notebooks: dict[str, Notebook]
    claims: list[Claim] = Field(min_length=1)
