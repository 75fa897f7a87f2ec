#!/bin/sh
# test.sh VENV: everything that this machine can test: format, lint, then types beside the suite with coverage.
set -eu
venv=$1
debian() { sh "$(dirname "$0")/debian.sh" "$@"; }
broker="mosquitto=mosquitto mosquitto_pub=mosquitto-clients"
browser="chromium=chromium"
# The program that drives Chromium comes with Playwright, but for a library that a bare Debian lacks.
"$(echo "$venv"/lib/python3*/site-packages/playwright/driver/node)" --version >/dev/null 2>&1 || browser="$browser =libatomic1"
# shellcheck disable=SC2086 # one word a program
debian $broker $browser || {
    debian $broker >/dev/null 2>&1 || exit 1
    echo "Going on without Chromium: what needs it is left out." >&2
}
"$venv/bin/ruff" format --check --quiet .
"$venv/bin/ruff" check --quiet .
# Some set this to keep folders tidy: then every process, of which there are hundreds here, compiles all that it imports anew.
unset PYTHONDONTWRITEBYTECODE
# Half a minute of one core where nothing is kept from the last time, beside tests of which most wait.
types=$(mktemp)
trap 'rm -f "$types"' EXIT
"$venv/bin/mypy" >"$types" 2>&1 &
looking=$! failed=0
# Most tests wait for processes: three workers keep two cores busy.
"$venv/bin/python" -m slipcover -m pytest -n 3 --dist loadfile --no-loadscope-reorder || failed=$?
# The tests drive real brokers, databases and a browser, whose pace is the machine's: what failed is tried once more with the machine to
# itself. What passes then is named, and is a defect still, of the test or of TDS; three that fail again end it.
if [ "$failed" = 1 ]; then
    echo "Once more, and alone, what failed:" >&2
    failed=0
    "$venv/bin/python" -m pytest -v --last-failed --last-failed-no-failures none --maxfail 3 || failed=$?
    [ "$failed" != 0 ] || echo "PASSED ONLY AT THE SECOND TRY: the tests named above depend on the machine's pace. Mend them." >&2
fi
wait "$looking" || {
    cat "$types" >&2
    failed=1
}
exit "$failed"
