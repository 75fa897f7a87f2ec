#!/bin/sh
# Everything that this machine can test: format, lint, types, then the suite with coverage.
set -eu
venv=$1
"$venv/bin/ruff" format --check --quiet .
"$venv/bin/ruff" check --quiet .
"$venv/bin/mypy"
exec "$venv/bin/python" -m pytest --cov --cov-report=term
