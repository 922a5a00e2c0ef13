# Two commands do everything on a machine with make and Python 3.11 or newer:
#   make demo    install into .venv, then check, summarise, compile and run Inception-v4
#   make test    install the test extras, then lint, type check and test everything

PYTHON ?= python3
JOBS   ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints/cpu.txt
OUT    := out

# Each stamp stands for a finished installation, so that nothing is installed twice.
CREATED     := $(VENV)/.created
INSTALLED   := $(VENV)/.installed
TEST_READY  := $(VENV)/.test-ready
BENCH_READY := $(VENV)/.bench-ready

# Models to compare with.  Their own requirements would replace torch by another build, so they are installed without, and
# what they import beside torch is named here.
REFERENCE       := timm torchvision
REFERENCE_NEEDS := huggingface_hub pillow pyyaml safetensors

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs bench reliability evidence clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "archdsl needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(INSTALLED): $(CREATED) pyproject.toml constraints/cpu.txt
	$(PIP) --editable '.[torch]'
	@touch $@

$(TEST_READY): $(INSTALLED) constraints/test.txt
	$(PIP) -c constraints/test.txt --editable '.[torch,verify,dev]' $(REFERENCE_NEEDS)
	$(PIP) -c constraints/test.txt --no-deps $(REFERENCE)
	@touch $@

$(BENCH_READY): $(TEST_READY)
	$(PIP) -c constraints/test.txt fvcore onnxscript
	@touch $@

demo: $(INSTALLED) ## Check, summarise and compile Inception-v4, and run the compiled file once
	@mkdir -p $(OUT)
	$(BIN)/archdsl check inception_v4
	$(BIN)/archdsl summary inception_v4
	$(BIN)/archdsl compile inception_v4 --to torch -o $(OUT)/inception_v4.py
	$(BIN)/python examples/run_emitted.py $(OUT)/inception_v4.py 3x299x299

test: lint ## Lint, type check, and run every test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(TEST_READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(TEST_READY) ## Lay out the Python files and mend what can be mended mechanically
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(INSTALLED) ## Write the generated pages of docs/ and the table in README.md anew
	$(BIN)/python docs/generate.py

bench: $(BENCH_READY) ## Run every script in benchmarks/
	@set -e; for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script; done

reliability: $(TEST_READY) ## Inject faults of every kind and print what came of it; FULL=1 writes docs/reliability.md
	$(BIN)/python -m tests.reliability $(if $(FULL),--full) $(TESTS)

evidence: $(TEST_READY) ## Run every bundled network through both backends in every form; writes docs/benchmarks/onnx-evidence.md
	$(BIN)/python -m tests.reliability.evidence $(NAMES)
	$(BIN)/python -m pytest -m evidence

clean: ## Remove what was built and cached, but not .venv
	rm -rf $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find archdsl examples tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
