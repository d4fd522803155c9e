# make demo starts the application, make test proves it. Everything lives in one virtual environment.
VENV ?= .venv
PYTHON ?= python3
PORT ?= 7860
PROFILE ?=
# cpu or gpu; found out by itself, or: make setup HARDWARE=gpu
HARDWARE ?= $(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo gpu || echo cpu)

# Bytecode is kept even where the machine says not to: without it every server compiles vLLM anew, 18 seconds of a core.
export PYTHONDONTWRITEBYTECODE =

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(HARDWARE)
REQUIREMENTS := requirements-app.txt requirements-dev.txt $(if $(filter gpu,$(HARDWARE)),requirements.txt,requirements-cpu.txt)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench clean

help:
	@echo "make demo    install what is missing, then start the application on http://127.0.0.1:$(PORT)"
	@echo "make setup   install into $(VENV) (for $(HARDWARE))"
	@echo "make check   ruff and mypy"
	@echo "make test    all tests, these checks among them"
	@echo "make bench   what the orchestration costs and the schemes gain here: minutes; BENCH=--no-models, --help …"
	@echo "make clean   remove $(VENV)"

setup: $(STAMP)

$(STAMP): $(REQUIREMENTS) scripts/install.py
	@$(PYTHON) scripts/environment.py $(VENV)
	@$(BIN)/python scripts/install.py $(HARDWARE)
	@touch $@

demo: setup
	@$(BIN)/python app.py --port $(PORT) $(if $(PROFILE),--profile $(PROFILE))

test: setup
	$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m lr_demo.benchmark.bench $(BENCH)

clean:
	rm -rf $(VENV)
