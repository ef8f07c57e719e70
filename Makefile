# Everything runs in .venv, which is made at first use and again when what it is made from changes.
# Choose its interpreter with `make PYTHON=/path/to/python`, the tests' processes with `WORKERS=4`.

export PYTHON
WORKERS = 2
QUEUE = celery
BIN = .venv/bin
VENV = .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check oldest matrix bench performance docs servers clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/make \1	\2/p' Makefile | expand -t 16

demo: $(VENV)  ## run the example shop with a real worker, and check what left (QUEUE=rq, dramatiq or huey: on that)
	@# RQ and Dramatiq have a private Redis, which the demo starts.
	@case "$(QUEUE)" in rq|dramatiq) sh scripts/servers.sh redis-server;; esac
	$(BIN)/python examples/shop/demo.py --queue "$(QUEUE)"

test: check servers  ## run the checks, then every test, against private servers and a headless browser
	$(BIN)/pytest -n $(WORKERS) --dist loadfile
	sh scripts/oldest.sh -n $(WORKERS) --dist loadfile

check: $(VENV)  ## run the linter, the formatter, mypy --strict and the rules of the imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/pytest --quiet tests/core/test_arrows.py

oldest: servers  ## run the part of `make test` that has the oldest Celery
	sh scripts/oldest.sh -n $(WORKERS) --dist loadfile

matrix: servers  ## run the tests on each later Python of this machine, with Django 6, and then `make oldest`
	sh scripts/matrix.sh -n $(WORKERS) --dist loadfile
	@$(MAKE) --no-print-directory oldest

bench: $(VENV)  ## run the benchmarks: they print ratios
	$(BIN)/python benchmarks/report.py

performance: $(VENV) servers  ## run the benchmarks, and write docs/explanation/performance.md and its plot
	$(BIN)/python benchmarks/report.py --write

docs: $(VENV)  ## run what the documentation shows
	$(BIN)/pytest tests/docs

clean:  ## remove what the other targets made
	rm -rf .venv .bench .matrix .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist plugins/*/dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

servers:
	@sh scripts/servers.sh

$(VENV): constraints.txt requirements-dev.txt scripts/venv.sh pyproject.toml $(wildcard plugins/*/pyproject.toml)
	sh scripts/venv.sh .venv
	@touch $@
