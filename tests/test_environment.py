"""environment.yml, pyproject.toml and requirements.lock agree."""

from __future__ import annotations

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from thinwire.pipeline.lock import EXTRAS, PLATFORMS, closure, declared, read_pins


def test_the_lock_satisfies_every_declared_requirement(root):
    pins = read_pins(root / "requirements.lock")
    for requirement in declared(root / "pyproject.toml", EXTRAS):
        version = pins.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} against {version} in requirements.lock"


def test_the_lock_holds_the_whole_tree_and_nothing_else(root):
    roots = declared(root / "pyproject.toml", EXTRAS)
    needed = set().union(*(closure(roots, environment) for environment in PLATFORMS.values()))
    assert set(read_pins(root / "requirements.lock")) == needed, "run `make lock`"


def test_the_lock_names_no_machine_build_or_accelerator(root):
    for line in (root / "requirements.lock").read_text("utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[\w.!]+( ; .+)?", line), line
        assert not re.match(r"nvidia-(?!ml-py)|cuda-|triton", line), line


def test_conda_builds_the_same(root):
    environment = yaml.safe_load((root / "environment.yml").read_text("utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert environment["name"] == project["name"]
    conda = [line for line in environment["dependencies"] if isinstance(line, str)]
    (pip,) = [line["pip"] for line in environment["dependencies"] if isinstance(line, dict)]
    python = next(line.split("=")[-1] for line in conda if line.startswith("python="))
    assert SpecifierSet(project["requires-python"]).contains(f"{python}.0")
    assert pip == ["-r requirements.lock", "-e ."]
    # Nothing comes from conda that the lock pins: there would be two versions of it.
    assert not {Requirement(line.split("=")[0]).name for line in conda} & set(read_pins(root / "requirements.lock"))
