"""What `papers/<paper>.yaml` may say: claims, the five kinds of rule, floors, and the notebooks that judge."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from thinwire.params.base import Section

VerdictName = Literal["reproduced", "contradicted", "inconclusive", "within_tolerance", "differs", "not_testable"]
VERDICTS: tuple[VerdictName, ...] = (
    "reproduced", "within_tolerance", "inconclusive", "differs", "contradicted", "not_testable",
)  # fmt: skip
Value = float | dict[str, float] | None
SYSTEM = r"^[A-Za-z0-9_]+(/[A-Za-z0-9_.]+)?$"
"""A system: a run, or `run/variant` where one run's rows hold several (a bottleneck, a classic codec)."""


class Pair(Section):
    """One step of an ordering: the difference (better minus worse) must be above zero, or above -`margin`.

    `better` and `worse` name systems in the evaluation tables; a pair over other quantities leaves them out.
    """

    name: str
    better: str | None = Field(None, pattern=SYSTEM)
    worse: str | None = Field(None, pattern=SYSTEM)
    column: str | None = Field(None, description="in place of the rule's")
    lower_is_better: bool = Field(False, description="of this column; the difference is then worse minus better")
    margin: float = Field(0.0, ge=0.0, description="not worse by more than this suffices; two such pairs say `equal`")

    @model_validator(mode="after")
    def _both(self) -> Pair:
        if (self.better is None) != (self.worse is None):
            raise ValueError("`better` and `worse` come together or not at all")
        return self


class OrderingRule(Section):
    """Every pair's paired difference over the same test items must have a 95 % interval above zero (above -margin).

    All above: reproduced. One below: contradicted. Otherwise inconclusive. `pairs` may stay empty when a parameter
    decides how many there are (the members of a sweep); then at least `at_least` of them are needed.
    """

    type: Literal["ordering"]
    column: str | None = Field(None, description="of items.parquet, averaged over the grid of bandwidths, if any")
    pairs: list[Pair] = []
    at_least: int = Field(1, ge=1)
    min_items: int = Field(8, ge=2, description="fewer paired items than this are inconclusive whatever their interval")

    @property
    def systems(self) -> list[str]:
        """The systems that the pairs name, in order."""
        return list(dict.fromkeys(name for pair in self.pairs for name in (pair.better, pair.worse) if name))


class NumberRule(Section):
    """A measured number, or several by name, against the paper's, in the claim's unit.

    In the paper's own setting: within_tolerance when |measured - paper| <= `tolerance`; else inconclusive when the 95 %
    interval reaches the tolerance band, else differs. In any other setting: differs when the interval excludes the
    paper's value, else inconclusive. Of several numbers the worst decides.

    `quantity` is made of item means A of `above` and B of `below`: gain 100 (A / B - 1), ratio 100 A / B, difference
    A - B; or it is the `value` itself, the mean of `system`, in `column` or in the columns that `paper_value` names.
    A value without `system` is measured by the notebook.
    """

    type: Literal["number"]
    tolerance: float | dict[str, float]
    quantity: Literal["gain", "ratio", "difference", "value"]
    column: str | None = None
    above: str | None = Field(None, pattern=SYSTEM)
    below: str | None = Field(None, pattern=SYSTEM)
    system: str | None = Field(None, pattern=SYSTEM)

    @model_validator(mode="after")
    def _fits(self) -> NumberRule:
        compares = self.quantity != "value"
        if compares and not (self.above and self.below and self.column and isinstance(self.tolerance, float)):
            raise ValueError(f"quantity `{self.quantity}` needs `above`, `below`, `column` and one `tolerance`")
        if (compares and self.system) or (not compares and (self.above or self.below)):
            raise ValueError("`system` belongs to quantity `value`, `above` and `below` to the others")
        bands = self.tolerance.values() if isinstance(self.tolerance, dict) else [self.tolerance]
        if any(band < 0.0 for band in bands):
            raise ValueError("a tolerance is not negative")
        return self

    @property
    def neutral(self) -> float | None:
        """The value at which A and B are equal; a lone value has none."""
        return {"gain": 0.0, "ratio": 100.0, "difference": 0.0}.get(self.quantity)

    @property
    def systems(self) -> list[str]:
        """The systems that the rule names."""
        return [name for name in (self.above, self.below, self.system) if name]


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

    The mean of `column` over the test items, at the largest bandwidth where there are several, less that of the
    baseline `over`, must be `at_least` so much: of the best system, or of every one. Without `systems`, those of the
    claim itself are held to it.
    """

    systems: list[str] = []
    which: Literal["best", "every"]
    column: str
    over: str | None = Field(None, description="the baseline whose value the caller gives, as reasons call it")
    at_least: float
    unit: str = ""


class Claim(Section):
    """One claim of a paper and how it will be judged."""

    id: str
    paper: str = Field("", description="the paper's short name, its file's; the loader fills it in")
    where: str
    statement: str
    kind: Literal["number", "ordering", "curve", "picture", "complexity"]
    paper_value: Value = None
    value_note: str | None = Field(None, description="why there is no printed value, or where a value comes from")
    unit: str
    measure: str
    rule: Rule
    floor: str | None = None
    models: list[str] = Field([], description="systems behind the claim, where the rule does not name them all")
    notebook: str

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        if self.paper_value is None and not self.value_note:
            raise ValueError("`paper_value` is null: say why in `value_note`")
        if self.rule.type == "number":
            value, tolerance = self.paper_value, self.rule.tolerance
            named = [set(part) if isinstance(part, dict) else None for part in (value, tolerance)]
            if value is None or named[0] != named[1]:
                raise ValueError("a rule of type `number` needs a `paper_value`, with a `tolerance` for each number")
        return self

    @property
    def systems(self) -> list[str]:
        """The systems that the claim is about: `models`, or else those that its rule names."""
        return self.models or (self.rule.systems if isinstance(self.rule, OrderingRule | NumberRule) else [])

    def possible(self) -> set[str]:
        """The verdicts that this claim's rule and floor can give."""
        rule = self.rule
        weak = set() if self.floor is None else {"inconclusive"}
        if isinstance(rule, OrderingRule):
            return {"reproduced", "contradicted", "inconclusive"}
        if isinstance(rule, NumberRule):
            return {"within_tolerance", "differs", "inconclusive"}
        if isinstance(rule, ExactRule):
            return {rule.holds, rule.otherwise} | weak
        if isinstance(rule, ShownRule):
            return {"reproduced", rule.otherwise} | weak
        return {"not_testable"}


class Notebook(Section):
    """A notebook of the paper: what it is about, what it regenerates, and the pipeline stage that executes it."""

    title: str
    shows: str
    stage: str


class Paper(Section):
    """One `papers/<paper>.yaml`."""

    paper: str
    prefix: str | None = Field(None, description="what the claims' ids begin with, where it is not the paper's name")
    title: str
    source: str
    floors: dict[str, Floor] = {}
    notebooks: dict[str, Notebook]
    claims: list[Claim] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, tree: Any) -> Any:
        """Let every claim know its paper."""
        if isinstance(tree, dict) and isinstance(tree.get("claims"), list):
            known = [{**claim, "paper": tree.get("paper")} if isinstance(claim, dict) else claim
                     for claim in tree["claims"]]  # fmt: skip
            return {**tree, "claims": known}
        return tree
