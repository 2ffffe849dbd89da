# `make demo` reads the samples with the runtime alone; `make test` and `make test-long` run all tests; `make docs` builds
# the documentation. Each sets up the environment that it needs.
PYTHON ?= python3
PYTHON311 ?= python3.11
PIP = -m pip --disable-pip-version-check
# pip cannot check hashes of a folder: the requirements first, then the project without its dependencies.
PROJECT = install --quiet --no-deps --no-build-isolation
LOCK = uv pip compile --constraint requirements/constraints.txt --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: demo docs test test-long check test-tflite-runtime test-arm64 pi-bundle samples lock clean

demo: .venv/ready
	.venv/bin/edge-digits classify $(sort $(wildcard samples/*.*))

# All but what takes long, which it counts: that is for test-long.
test: .venv-test/ready check test-tflite-runtime
	.venv-test/bin/python -m pytest -m "not long"

test-long: .venv-test/ready
	.venv-test/bin/python -m pytest -m long

# Writes site/, from nothing but this checkout.
docs: .venv-test/ready
	.venv-test/bin/python -m tools.reference
	NO_MKDOCS_2_WARNING=1 .venv-test/bin/python -m mkdocs build --strict --quiet

check: .venv-test/ready
	.venv-test/bin/python -m ruff check .
	.venv-test/bin/python -m ruff format --check .
	.venv-test/bin/python -m mypy
	.venv-test/bin/python -m codespell_lib
	.venv-test/bin/python -m tools.language

# LiteRT and tflite-runtime cannot share an environment, so the backends' contract runs once more in its own. The old
# runtime has no verifier and crashes on a truncated model: only the manifest's hash stands before it.
test-tflite-runtime: .venv-test/ready
	@if command -v $(PYTHON311) >/dev/null; then $(MAKE) --no-print-directory run-tflite-runtime; \
	elif [ -n "$$EDGE_DIGITS_NO_SKIP" ]; then echo "error: tflite-runtime needs $(PYTHON311), and nothing may skip here"; exit 1; \
	else echo "skipped: the tests of the backend tflite-runtime need $(PYTHON311), which is not installed"; fi

.PHONY: run-tflite-runtime
run-tflite-runtime: .venv-tflite-runtime/ready
	EDGE_DIGITS_BACKENDS="tflite-runtime numpy fake" .venv-tflite-runtime/bin/python -m pytest -k "not truncated" \
		tests/backends/test_backends.py

.venv/ready: requirements/runtime.txt pyproject.toml $(shell find edge_runtime -type f -not -name '*.pyc')
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) install --quiet --require-hashes -r requirements/runtime.txt
	rm -rf build
	.venv/bin/python $(PIP) $(PROJECT) .
	touch $@

.venv-test/ready: requirements/dev.txt pyproject.toml
	test -x .venv-test/bin/python || $(PYTHON) -m venv .venv-test
	.venv-test/bin/python $(PIP) install --quiet --require-hashes -r requirements/dev.txt
	.venv-test/bin/python $(PIP) $(PROJECT) --editable .
	touch $@

.venv-tflite-runtime/ready: requirements/tflite-runtime.txt pyproject.toml
	test -x .venv-tflite-runtime/bin/python || $(PYTHON311) -m venv .venv-tflite-runtime
	.venv-tflite-runtime/bin/python $(PIP) install --quiet --require-hashes -r requirements/tflite-runtime.txt
	.venv-tflite-runtime/bin/python $(PIP) $(PROJECT) --editable .
	touch $@

# Both Debian releases on both processors, and the installers; ARM64="--release bookworm" and so on for less, --long for
# more tests.
test-arm64: .venv-test/ready
	.venv-test/bin/python -m tools.arm64 --install $(ARM64)

# dist/: the wheel, install.sh for a device with a network, and a .run file for each system without.
pi-bundle: .venv-test/ready
	.venv-test/bin/python -m tools.installer

samples: .venv-test/ready
	.venv-test/bin/python -m tools.samples

# Writes the hashed requirements again; needs uv (pip install uv).
lock:
	$(LOCK) --universal --python-version 3.11 pyproject.toml requirements/build.in -o requirements/runtime.txt
	$(LOCK) --universal --python-version 3.11 --extra dev pyproject.toml requirements/build.in -o requirements/dev.txt
	$(LOCK) --universal --python-version 3.11 --constraint requirements/dev.txt requirements/keras.in -o requirements/keras.txt
	$(LOCK) --universal --python-version 3.11 --constraint requirements/dev.txt requirements/arm64.in -o requirements/arm64.txt
	$(LOCK) --universal --python-version 3.11 --constraint requirements/dev.txt --extra mqtt pyproject.toml -o requirements/device.txt
	$(LOCK) --universal --python-version 3.11 --no-deps requirements/device-camera.in -o requirements/device-camera.txt
	$(LOCK) --python-version 3.11 --python-platform linux requirements/tflite-runtime.in -o requirements/tflite-runtime.txt

clean:
	rm -rf .venv .venv-test .venv-tflite-runtime build dist site *.egg-info
