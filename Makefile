# make run: web, worker and beat on this machine.   make test: everything CI checks.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: run test check oracle mutants chaos chaos-schedules soak bench bench-schedules lock clean
.DEFAULT_GOAL := help
help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## */	/'

.venv/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Carillon needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Try: make PYTHON=python3.11")'
	@echo "setting up .venv from requirements.txt"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.txt
	@echo "adding what the tests need from requirements-dev.txt"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

run: .venv/run.stamp  ## start web, worker and beat; Ctrl-C stops them
	@exec $(BIN)/python -m core.supervisor

test: check  ## types, style, floors and all tests
	@$(BIN)/python -m tests.chromium
	@$(BIN)/python -m pytest --numprocesses 3 || (echo "what failed, once more, alone on this machine:" && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none)

check: .venv/test.stamp  ## types, style and floors alone
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

oracle: .venv/test.stamp  ## compare cron with brute force, minute by minute, around every clock change of 2026 to 2030
	@$(BIN)/python -m tests.cron_oracle $(or $(EXPRESSIONS),500) $(or $(SEED),1)

mutants: .venv/test.stamp  ## take each guard out of each ledger script: some test has to notice
	@$(BIN)/python tests/mutants.py

chaos: .venv/test.stamp  ## kill everything under load, count the losses, beside plain Celery (ONLY=C2,C7 SCALE=0.5)
	$(if $(ONLY),,@STATE_MACHINE_RUNS=2000 $(BIN)/python -m pytest --quiet tests/proof/test_state_machine.py)
	@$(BIN)/python -m benchmarks.chaos --only "$(ONLY)" --scale $(or $(SCALE),1) --seed $(or $(SEED),1) --adapters "$(ADAPTERS)"

chaos-schedules: .venv/run.stamp  ## kill, stop and starve beats, count each planned time, beside RedBeat (ONLY=C22,C24 SCALE=0.1)
	@$(BIN)/python -m benchmarks.chaos.beats --only "$(ONLY)" --scale $(or $(SCALE),1) --seed $(or $(SEED),1) --adapters "$(ADAPTERS)"

soak: .venv/run.stamp  ## half an hour of load with a fault each 30 s (MINUTES=120)
	@$(BIN)/python -m benchmarks.chaos --only C28 --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1) --results benchmarks/chaos/results/soak

bench: .venv/run.stamp  ## throughput and latency beside Celery, Dramatiq, arq, taskiq, saq, FastAPI (ONLY=emit,drain ROUNDS=5 SCALE=0.1 LONG=1)
	@$(BIN)/python -m benchmarks.bench --only "$(ONLY)" --rounds $(or $(ROUNDS),3) --scale $(or $(SCALE),1) $(if $(LONG),--long)

bench-schedules: .venv/run.stamp  ## 10,000 schedules due at once, punctuality, 100,000 idle ones, beside RedBeat (ONLY=burst ROUNDS=5 SCALE=0.1)
	@$(BIN)/python -m benchmarks.bench.schedules --only "$(ONLY)" --rounds $(or $(ROUNDS),3) --scale $(or $(SCALE),1)

lock: .venv/test.stamp  ## compile all requirements files from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra rabbitmq -c requirements.txt pyproject.toml -o requirements-rabbitmq.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra postgres -c requirements.txt pyproject.toml -o requirements-postgres.txt

clean:  ## remove .venv, .bench and what tools left behind; .data is kept
	@rm -rf .venv .bench .mypy_cache .ruff_cache .hypothesis .import_linter_cache .pytest_cache
