.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help install demo test brokers chaos applications lint bench lock clean

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer, or call make PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV): a minute or two, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

install: $(VENV)/.installed ## create .venv with everything pinned (reused by all targets)

demo: install ## the shop behind the proxy; Ctrl-C ends it. DEMO_ONCE=1: a tour. Also: DEMO_BROKER=kafka, DEMO_DB=postgres
	$(BIN)/strangler demo $(if $(DEMO_ONCE),--once)

test: install ## run every test
	@scripts/ensure_chromium.sh
	$(BIN)/python -m pytest --numprocesses=4 --dist=loadfile --no-loadscope-reorder $(TESTS)

brokers: install ## the buses' contract on every broker there is, also on the one that takes minutes; the tour on real ones
	BROKERS=all $(BIN)/python -m pytest tests/integration/test_bus_kafka.py tests/integration/test_bus_crashes.py tests/e2e/test_demo.py

chaos: install ## the whole shop under fire: processes killed for minutes on end. SEED=n repeats what was drawn
	CHAOS=1 CHAOS_SEED=$(SEED) $(BIN)/python -m pytest -s -o faulthandler_timeout=3600 tests/chaos $(if $(ONLY),-k $(ONLY))

applications: install ## httpbin and Wagtail, direct and behind the proxy, compared over a crawl (a minute; own environment)
	$(BIN)/python scripts/compare_real_applications.py

lint: install ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install ## benchmark against nginx, HAProxy, Envoy and others (minutes; wants a quiet machine)
	$(BIN)/python -m benchmarks

lock: ## resolve requirements.txt again from pyproject.toml (needs uv)
	uv pip compile --python-version 3.11 --all-extras --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.txt

clean: ## remove .venv, caches and state
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .strangler
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
