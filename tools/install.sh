#!/bin/sh
# Makes the virtual environment with everything that the lock names, and `tds` itself.
set -eu
python=$1 venv=$2
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=…" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    sh "$(dirname "$0")/debian.sh" "$python -m ensurepip --version" python3-venv
fi
[ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || { rm -rf "$venv"; "$python" -m venv "$venv"; }
echo "Installing the packages of requirements.lock…"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
