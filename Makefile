# Every target sets itself up: .venv with the pinned packages, from the package registry only.
# Needs Python 3.11, 3.12 or 3.13; another interpreter: make study PYTHON=/path/to/python3.12

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)
CORES ?= 2
RELIABILITY ?= all
VENV := .venv
READY := $(VENV)/.installed
TEST_READY := $(VENV)/.installed-test
DOCS_READY := $(VENV)/.installed-docs
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
PIP := $(VENV)/bin/python -m pip
# torch first and by its exact pin: other packages ask for any torch, and pip would weigh newer ones
TORCH = "$$(grep '^torch==' requirements.lock)"
BENCHMARKS ?= step job decompose startup plan schedule growth store cost
BENCH := $(RUN) OMP_NUM_THREADS=1 PYTHONPATH=src:workflow python
SNAKEMAKE := $(RUN) snakemake --cores $(CORES)

.PHONY: study test test-reliability test-cluster lint docs audit smoke figures site bench \
	bench-publish publish lock pins clean help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

study: $(READY) ## run the default study and its report
	$(SNAKEMAKE) --report results/report.html --report-after-run

test: lint $(TEST_READY) ## lint, types, unit tests and the smoke study
	$(RUN) OMP_NUM_THREADS=1 python -m pytest -n $(CORES) --dist loadfile

test-reliability: $(TEST_READY) ## what kills, starves and confuses; a part: RELIABILITY=seeded
	$(RUN) OMP_NUM_THREADS=1 E3D_RELIABILITY=$(RELIABILITY) \
		python -m pytest tests/reliability -n $(CORES) --dist loadfile

test-cluster: $(TEST_READY) ## the smoke study on a Slurm of its own (root, Debian, E3D_SLURM_LAB=1)
	$(RUN) OMP_NUM_THREADS=1 E3D_SLURM_LAB=$(E3D_SLURM_LAB) python -m pytest tests/slurm

lint: $(TEST_READY) ## formatting, lint and types
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) snakefmt --check Snakefile workflow
	$(RUN) mypy
	$(RUN) snakemake --lint

docs: $(DOCS_READY) ## the documentation as a site: build/docs; a warning or a broken link is an error
	@$(RUN) PYTHONPATH=src:workflow NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "build/docs is made; to read it: python -m http.server --directory build/docs"

audit: | $(VENV)/bin/python ## known vulnerabilities of the versions in requirements.lock
	@test -d $(VENV)/audit || $(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet 'pip-audit>=2.10,<3'
	@$(VENV)/audit/bin/python .ci/audit.py

smoke: $(READY) ## the whole workflow on tiny settings
	$(SNAKEMAKE) --configfile config/smoke.yaml

figures: $(READY) ## the published figures again, without training
	$(SNAKEMAKE) figures --config published=True

site: $(READY) ## a page of each published study: results/site/<study>/index.html
	for costs in results/published/*/costs.csv; do folder=$${costs%/costs.csv}; \
		$(RUN) python -m study site $$folder \
			-o results/site/$${folder##*/}/index.html || exit 1; done

bench: $(READY) ## speed and memory against peers: results/benchmarks/ (most of an hour)
	for name in $(BENCHMARKS); do \
		$(BENCH) benchmarks/$$name.py -o results/benchmarks/$$name.csv || exit 1; done
	$(BENCH) benchmarks/figure.py results/benchmarks -o results/benchmarks/speed.png

bench-publish: $(READY) ## copy the benchmarks to results/published/benchmarks, and into docs/
	$(BENCH) benchmarks/publish.py results/benchmarks -o results/published/benchmarks

publish: $(READY) ## copy the finished default study to results/published/default
	$(RUN) e3d publish results -o results/published/default --readme README.md

lock: | $(VENV)/bin/python ## requirements.lock again, after a change of a pyproject.toml
	$(PIP) install --quiet $(TORCH)
	$(PIP) install --quiet --editable '.[labels,test,docs]' --editable workflow
	$(PIP) freeze --all --exclude-editable --exclude pip > $(VENV)/freeze
	@{ sed -n '/^#/p' requirements.lock; \
	  sed -e '/^\(nvidia\|cuda\|triton\|cuequivariance\)/d' \
	    -e 's/^\(torch==[0-9.]*\)+.*/\1/' $(VENV)/freeze; \
	} > $(VENV)/lock && mv $(VENV)/lock requirements.lock
	@touch $(READY) $(TEST_READY) $(DOCS_READY)

pins: $(READY) ## freeze the conda environments to what conda-forge has today (needs conda)
	$(RUN) python envs/pin.py

clean: ## remove results (not the published ones) and caches; keeps .venv
	find results -mindepth 1 -maxdepth 1 ! -name published -exec rm -rf {} +
	rm -rf .snakemake .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found on PATH." \
		"Install one, or give it: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip

$(READY): pyproject.toml workflow/pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) install --quiet --constraint requirements.lock $(TORCH)
	$(PIP) install --quiet --constraint requirements.lock --editable . --editable workflow
	@touch $@

$(TEST_READY): $(READY)
	$(PIP) install --quiet --constraint requirements.lock \
		--editable '.[labels,test]' --editable workflow
	@touch $@

$(DOCS_READY): $(TEST_READY)
	$(PIP) install --quiet --constraint requirements.lock --editable '.[docs]'
	@touch $@
