"""Sections whose entries are typed by the module of their name: `systems.ndpca` by `params/ndpca.py`, and so on.

The modules are looked up by name, not imported here, so that a change in the parameters of one paper or corpus makes no
stage of another stale.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, ValidationError, model_validator

from thinwire.params.base import Row, Section


class MisplacedError(ValueError):
    """A fault in an entry, with its place inside the section."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Where the first fault is, with dots, and what it is."""
    first = error.errors()[0]
    place, what = [str(part) for part in first["loc"]], first["msg"].removeprefix("Value error, ")
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, MisplacedError):
        place, what = [*place, inner.place], inner.what
    elif first["type"] == "extra_forbidden":
        what = "no such parameter (mistyped?)"
    elif first["type"] != "missing" and not isinstance(first["input"], dict):
        what += f", found {first['input']!r}"
    return ".".join(place), what


def _class_of(name: str, section: str) -> type[Section]:
    module = f"thinwire.params.{name}"
    parts: dict[str, type[Section]] = {}
    if str(name).isidentifier() and importlib.util.find_spec(module) is not None:
        parts = getattr(importlib.import_module(module), "PARTS", {})
    if section not in parts:
        raise MisplacedError(str(name), "no such parameter (mistyped?)")
    return parts[section]


def _checked(cls: type[Section], value: Any, place: str) -> Section:
    if isinstance(value, Section):
        return value
    if not isinstance(value, dict):
        raise MisplacedError(place, f"holds no mapping of parameters, found {value!r}")
    try:
        return cls(**value)
    except ValidationError as error:
        where, what = first_fault(error)
        raise MisplacedError(f"{place}.{where}" if where else place, what) from error


class Parts(Section):
    """A section with one entry a paper, system or corpus; `section` is its key in `params.yaml`."""

    model_config = ConfigDict(extra="allow")
    section: ClassVar[str]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            """An entry that was left out has its defaults."""
            try:
                return super().__getattr__(name)
            except AttributeError:
                if name.startswith("_"):
                    raise
                try:
                    return _class_of(name, self.section)()
                except (MisplacedError, ValidationError) as error:
                    raise AttributeError(f"{self.section} has no entry {name}") from error

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, tree: Any) -> Any:
        if not isinstance(tree, dict):
            return tree
        own = cls.model_fields
        return {key: value if key in own else cls.entry(key, value) for key, value in tree.items()}

    @classmethod
    def entry(cls, name: str, value: Any) -> Any:
        """An entry of the section, checked; raises MisplacedError."""
        return _checked(_class_of(name, cls.section), value, name)

    def names(self) -> list[str]:
        """The entries there are."""
        return list(self.model_extra or {})


class Systems(Parts):
    """`systems`: one entry a system."""

    section = "systems"


class Corpora(Parts):
    """`corpora`: extraction settings, one entry a corpus."""

    section = "corpora"


class Runs(Parts):
    """`runs`: for each paper a table of rows, one row a model."""

    section = "runs"

    @classmethod
    def row(cls, paper: str) -> type[Section]:
        """The class of a paper's rows; raises MisplacedError for an unknown paper."""
        return _class_of(paper, cls.section)

    @classmethod
    def entry(cls, name: str, value: Any) -> Any:
        row = cls.row(name)
        if not isinstance(value, dict):
            raise MisplacedError(name, f"holds no table of runs, found {value!r}")
        for key in value:
            if not str(key).replace("_", "").isalnum():
                raise MisplacedError(f"{name}.{key}", "use letters, digits and `_` in a run's name")
        return {key: _checked(row, one, f"{name}.{key}") for key, one in value.items()}

    def rows(self) -> dict[str, Row]:
        """All rows of all papers by their names."""
        return {name: row for table in (self.model_extra or {}).values() for name, row in table.items()}

    def paper_of(self, name: str) -> str:
        """The paper in whose table a row stands; raises KeyError for an unknown row."""
        for paper, table in (self.model_extra or {}).items():
            if name in table:
                return paper
        raise KeyError(name)
