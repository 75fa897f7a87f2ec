#!/bin/sh
# test.sh VENV: everything that this machine can test: format, lint, types, then the suite with coverage.
set -eu
venv=$1
# A machine that may not install these still runs the rest; the suite says at its end what it left out.
sh "$(dirname "$0")/debian.sh" mosquitto=mosquitto mosquitto_pub=mosquitto-clients chromium=chromium ||
    echo "Going on without: the tests that need it are left out." >&2
"$venv/bin/ruff" format --check --quiet .
"$venv/bin/ruff" check --quiet .
"$venv/bin/mypy"
exec "$venv/bin/python" -m pytest --cov --cov-report=term
