# Each target sets up what it needs in $(VENV); nothing is installed by hand.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ONLY ?=

.PHONY: demo test test-claude test-pythons test-postgres proof bench check lock clean

demo: $(VENV)/ready
	@$(BIN)/python examples/demo.py

# Each process takes whole modules and classes, as the examples of a page go on from one another, in
# the order in which tests/conftest.py has them: the long ones first.
test: $(VENV)/ready
	$(BIN)/pytest -n logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder

# With the real claude that the Agent SDK's wheel brings; offline, against a stand-in for the API.
test-claude: $(VENV)/ready
	$(BIN)/pytest -m claude tests/claude

# The same suite on every newer Python that this machine has.
test-pythons:
	@for python in $$(.ci/pythons); do \
		echo "== $$($$python --version)"; \
		$(MAKE) --no-print-directory test PYTHON=$$python \
			VENV=.venv-$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || exit 1; \
	done

# The whole contract, and what the adapter alone does, on each PostgreSQL that Debian has put here.
test-postgres: $(VENV)/ready
	@found=$$(.ci/postgres) || exit 1; for programs in $$found; do \
		echo "== $$($$programs/postgres --version)"; \
		MEMVA_TEST_POSTGRES_PROGRAMS=$$programs $(BIN)/pytest --timeout=900 tests/contract/test_postgres.py tests/adapters/test_postgres_*.py \
			|| exit 1; \
	done

# The same tests at the sizes that prove them, and on the oldest PostgreSQL too. Random ones share the
# processors; the others start processes of their own, whose fairness and patience are asked for.
proof: $(VENV)/ready
	@.ci/postgres 15 >/dev/null
	MEMVA_PROOF=1 $(BIN)/pytest --timeout=1800 -n logical --maxprocesses 8 -m hypothesis tests
	MEMVA_PROOF=1 $(BIN)/pytest --timeout=900 --log-cli-level=INFO -m "proof and not hypothesis" tests
	MEMVA_PROOF=1 $(MAKE) --no-print-directory test-postgres

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests benchmarks examples
	$(BIN)/lint-imports --no-cache

# Writes the exact versions of every tool, for all Pythons from 3.11 on.
lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev \
		--no-annotate --no-header --output-file requirements-dev.lock pyproject.toml

$(VENV)/ready: pyproject.toml requirements-dev.lock
	$(PYTHON) -c 'import sys; sys.exit("memva needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .venv-* .cache .mypy_cache .ruff_cache .hypothesis dist
