"""environment.yml, pyproject.toml, Makefile, README and both locks agree."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from thinwire.pipeline.lock import EXTRAS, PLATFORMS, closure, declared, declared_no_deps, read_pins


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


def test_every_pin_takes_the_first_release_of_each_python(root):
    """Debian 12 has Python 3.11.2: a package that asks for 3.11.5 cannot be had there."""
    asked = {}
    for name in read_pins(root / "requirements.lock"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # of another platform
            asked[name] = SpecifierSet(importlib.metadata.metadata(name)["Requires-Python"] or "")
    assert len(asked) > 150
    refused = {name: str(specifier) for name, specifier in asked.items()
               if not all(specifier.contains(version) for version in ("3.11.0", "3.12.0"))}  # fmt: skip
    assert not refused


def test_the_other_lock_holds_what_is_named_and_nothing_else(root):
    pins = read_pins(root / "requirements-nodeps.lock")
    named = {canonicalize_name(one.name): one.specifier for one in declared_no_deps(root / "pyproject.toml")}
    assert set(pins) == set(named), "run `make lock`"
    assert all(named[name].contains(version) for name, version in pins.items())
    assert not set(pins) & set(read_pins(root / "requirements.lock")), "one version of each package"


def test_only_protobuf_keeps_dac_out_of_the_first_lock(root):
    pins = read_pins(root / "requirements.lock")
    clashes = {
        (name, requirement.name)
        for name in read_pins(root / "requirements-nodeps.lock")
        for requirement in map(Requirement, importlib.metadata.requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if (pin := pins.get(canonicalize_name(requirement.name))) and not requirement.specifier.contains(pin)
    }
    assert clashes == {("descript-audiotools", "protobuf")}


def test_dac_imports_every_package_of_its_lock(root):
    code = "import sys, dac; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    packages = importlib.metadata.packages_distributions()
    found = {canonicalize_name(name) for module in done.stdout.split() for name in packages.get(module, [])}
    assert set(read_pins(root / "requirements-nodeps.lock")) <= found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-nodeps.lock"])
def test_the_locks_name_no_machine_build_or_accelerator(root, lock):
    for line in (root / lock).read_text("utf-8").splitlines():
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
    # conda's pip lines take no --no-deps: README says how the other lock gets in.
    assert "pip install --no-deps -r requirements-nodeps.lock" in (root / "README.md").read_text("utf-8")
    assert re.search(r"pip install .*--no-deps .*-r requirements-nodeps\.lock", (root / "Makefile").read_text("utf-8"))
