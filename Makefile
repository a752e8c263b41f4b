# Every command does all of its own set-up. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON   ?= python3
PORT     ?= 8000
NOTEBOOK ?=
BENCH    ?=
ARGS     ?=

# Two environments: the site's is small (no torch), so that `make book` is fast and shows that the site needs no more.
LAB  := .venv
SITE := .venv-book
RUN  := $(LAB)/bin/python

.PHONY: help book html pdf test lint format execute colab lab stills exercises bench wheel repository clean setup

help: ## list the commands
	@echo "Usage: make COMMAND"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: html ## build the site and serve it on http://localhost:8000 (PORT=8001 for another port)
	@$(SITE)/bin/python tools/serve.py _build/html --port $(PORT)

html: $(SITE)/.ready ## build the site into _build/html
	$(SITE)/bin/jupyter-book build . --toc book/_toc.yml -W -n --keep-going

pdf: html $(LAB)/.ready ## print the site into _build/book.pdf
	$(RUN) tools/make_pdf.py _build/html _build/book.pdf

test: $(LAB)/.ready $(SITE)/.ready ## run every check (STEP="style types ..." for some of them)
	$(RUN) tools/check.py $(STEP)

lint: $(LAB)/.ready ## check code and notebooks: style, format, types
	$(RUN) tools/check.py style types

format: $(LAB)/.ready ## format code and notebooks in place
	$(RUN) -m ruff check --fix-only .
	$(RUN) -m ruff format .

execute: $(LAB)/.ready ## run notebooks and store normalised outputs (NOTEBOOK=book/density/kl-divergence.ipynb for one)
	$(RUN) tools/execute.py $(ARGS) $(NOTEBOOK)

colab: $(LAB)/.ready ## run notebooks in an empty folder, with the installed package alone (NOTEBOOK= for one)
	$(RUN) tools/colab.py $(NOTEBOOK)

lab: $(LAB)/.ready ## open JupyterLab with everything installed
	$(LAB)/bin/jupyter lab $(NOTEBOOK)

stills: $(LAB)/.ready ## draw the still pictures of live figures, for readers without JavaScript
	$(RUN) tools/make_stills.py $(ARGS)

exercises: $(LAB)/.ready ## generate the student notebooks under exercises/ from the masters under solutions/
	$(RUN) tools/make_exercises.py

bench: $(LAB)/.ready ## run the benchmarks (BENCH=benchmarks/NAME.py for one, ARGS= for its options)
	@for script in $(or $(BENCH),$(sort $(wildcard benchmarks/*.py))); do echo "== $$script"; $(RUN) $$script $(ARGS); done

wheel: $(LAB)/.ready ## build the package into dist/
	$(RUN) -m pip wheel --quiet --no-deps --wheel-dir dist .
	@ls -l dist

repository: ## write the repository's address everywhere (URL=https://github.com/NAME/REPOSITORY)
	@test -n "$(URL)" || { echo "usage: make repository URL=https://github.com/NAME/REPOSITORY"; exit 2; }
	$(PYTHON) tools/repository.py "$(URL)"

setup: $(LAB)/.ready $(SITE)/.ready ## only set up, for later work without a network

clean: ## remove what was built (.venv and .venv-book stay)
	rm -rf _build dist build autoapi .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# A stamp is written last, so that an interrupted set-up is taken up again by the next command.
$(LAB)/.ready: pyproject.toml tools/environment.py
	$(PYTHON) tools/environment.py $(LAB) dev --package

$(SITE)/.ready: pyproject.toml tools/environment.py
	$(PYTHON) tools/environment.py $(SITE) book
