# Two commands set up everything: `make demo` and `make test`.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv

.PHONY: install demo test lint docs long performance lock clean

# The lock names every package with its hash. Costs a few milliseconds where all is in place.
install:
	@sh tools/install.sh "$(PYTHON)" "$(VENV)"

demo: install
	@sh tools/debian.sh mosquitto=mosquitto
	@exec "$(VENV)/bin/tds" demo $(if $(PORT),--port "$(PORT)")

test: install
	@sh tools/test.sh "$(VENV)"

lint: install
	@"$(VENV)/bin/ruff" format --check . && "$(VENV)/bin/ruff" check . && "$(VENV)/bin/mypy"

# The documents as a site: open site/index.html.
docs: install
	@"$(VENV)/bin/python" tools/site.py

# Minutes to hours: every long test, then every measurement.
long: install
	@"$(VENV)/bin/python" -m pytest -m long --timeout 7200

performance: install
	@"$(VENV)/bin/python" -m tests.performance.readme

# After a change of the dependencies in pyproject.toml; UPGRADE=1 takes the newest versions of everything.
lock:
	@sh tools/lock.sh $(if $(UPGRADE),--upgrade)

clean:
	rm -rf "$(VENV)" site .pytest_cache .mypy_cache .ruff_cache
