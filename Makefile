# `make` alone prints what there is. The environment is made on first use and again when a lock changes.

VENV   := .venv
IN     := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
LOCKED := $(VENV)/made-from-$(shell cat requirements.lock requirements-nodeps.lock pyproject.toml | cksum | cut -d ' ' -f 1)
JOBS   ?= 1
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help env repro test lint unit pipeline lab smoke real bench lock doctor clean-env

help: ## print this
	@echo "make TARGET, with"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F '|' '{ printf "  %-10s %s\n", $$1, $$2 }'
	@echo "  JOBS=2 runs independent stages side by side; PYTHON=/path/to/python3.12 chooses the interpreter."

repro: env ## run what is stale: data, training, figures, reports (everything, the first time)
	@if [ "$(JOBS)" = 1 ]; then $(IN) python -m thinwire.pipeline.quick_dvc repro; else $(IN) thinwire repro -j $(JOBS); fi

test: lint unit pipeline ## lint, types, unit tests, then the whole pipeline at smoke scale

lint: env ## ruff and mypy
	$(IN) ruff check .
	$(IN) ruff format --check --quiet .
	$(IN) mypy

unit: env ## unit tests
	$(IN) OMP_NUM_THREADS=1 pytest -m "not pipeline" -n auto --maxprocesses 4 --dist loadfile

pipeline: env ## the whole graph at smoke scale, in a temporary copy, with the ten checks
	$(IN) pytest -m pipeline

lab: env ## JupyterLab on the notebooks, with this environment's kernel
	$(IN) JUPYTER_PREFER_ENV_PATH=1 jupyter lab --notebook-dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks

smoke: env ## write the smoke preset into params.yaml and run it here (`thinwire preset default` goes back)
	$(IN) thinwire preset smoke
	@$(MAKE) repro

real: env ## the same graph on real recordings (THINWIRE_REAL_DATA), results into reports/real/
	$(IN) thinwire real --jobs $(JOBS)

bench: env ## measure speed and memory into reports/benchmarks.json
	$(IN) thinwire bench

doctor: env ## look whether interpreter, kernel, torch, disk, git and DVC are as they should be
	$(IN) thinwire doctor

lock: env ## write requirements.lock and requirements-nodeps.lock from the environment in use
	$(IN) python -m thinwire.pipeline.lock

env: $(LOCKED) ## make the environment in .venv

$(LOCKED):
	@found=; for python in $(PYTHON) python3.11 python3.12 python3; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; \
	  then found="$$python"; break; fi; done; \
	if [ -x $(VENV)/bin/python ] && $(VENV)/bin/python -c 'import pip' 2>/dev/null; then found=; \
	elif [ -n "$$found" ]; then echo "making $(VENV) with $$found"; "$$found" -m venv --clear $(VENV); \
	else echo "make: no Python 3.11 or 3.12 (with venv) found; install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; fi
	$(VENV)/bin/python -m pip install --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -r requirements-nodeps.lock -e .
	@$(IN) thinwire setup
	@rm -f $(VENV)/made-from-* && touch $@

clean-env: ## remove the environment
	rm -rf $(VENV)
