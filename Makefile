# Two commands set up everything: `make demo` and `make test`.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
TDS := $(VENV)/bin/tds
STAMP := $(VENV)/.installed

.PHONY: install demo test lint long performance clean

install: $(STAMP)

# The lock names every package with its hash; the virtual environment is made anew where its folder was moved.
$(STAMP): requirements.lock pyproject.toml tools/install.sh
	@sh tools/install.sh "$(PYTHON)" "$(VENV)"
	@touch "$(STAMP)"

demo: install
	@sh tools/debian.sh mosquitto mosquitto
	@exec "$(TDS)" demo $(if $(PORT),--port $(PORT))

test: install
	@sh tools/debian.sh mosquitto mosquitto mosquitto_pub mosquitto-clients chromium chromium
	@sh tools/test.sh "$(VENV)"

lint: install
	@"$(VENV)/bin/ruff" format --check . && "$(VENV)/bin/ruff" check . && "$(VENV)/bin/mypy"

# Minutes to hours: every long test, then every measurement.
long: install
	@"$(VENV)/bin/python" -m pytest -m long --timeout 7200

performance: install
	@"$(VENV)/bin/python" -m tests.performance.readme

clean:
	rm -rf "$(VENV)" .pytest_cache .mypy_cache .ruff_cache .coverage* htmlcov
