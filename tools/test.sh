#!/bin/sh
# test.sh VENV: everything that this machine can test: format, lint, types, then the suite with coverage.
set -eu
venv=$1
debian() { sh "$(dirname "$0")/debian.sh" "$@"; }
broker="mosquitto=mosquitto mosquitto_pub=mosquitto-clients"
# shellcheck disable=SC2086 # one word a program
debian $broker chromium=chromium || {
    debian $broker >/dev/null 2>&1 || exit 1
    echo "Going on without Chromium: what needs it is left out." >&2
}
"$venv/bin/ruff" format --check --quiet .
"$venv/bin/ruff" check --quiet .
"$venv/bin/mypy"
# Most tests wait for processes: three workers keep two cores busy.
exec "$venv/bin/python" -m pytest -n 3 --dist loadfile --cov --cov-report=term
