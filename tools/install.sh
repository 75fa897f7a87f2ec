#!/bin/sh
# install.sh PYTHON VENV: makes the virtual environment with everything that requirements.lock names, and `tds` itself.
# A stamp inside says what it was made from, and where: where that still holds, there is nothing to do.
set -eu
python=$1 venv=$2
tools=$(dirname "$0")

stop() {
    echo "$1" >&2
    exit 1
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

stamp=$venv/.installed
# An environment that was moved has its old place in every script: the place is part of the stamp.
place=$(pwd -P)
wanted="$place
$(cat requirements.lock pyproject.toml "$0" | cksum)"
stamped=$(cat "$stamp" 2>/dev/null || true)
[ "$stamped" = "$wanted" ] && [ -x "$venv/bin/python" ] && [ -x "$venv/bin/tds" ] && exit 0

for candidate in "$python" python3.11 python3.12 python3.13 python3.14; do
    is_new_enough "$candidate" && found=$candidate && break
done
[ -n "${found:-}" ] || stop "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3"

rm -f "$stamp"
if [ "$(echo "$stamped" | head -n 1)" != "$place" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    # Debian keeps what makes virtual environments in a package of its own.
    "$found" -c 'import ensurepip, venv' 2>/dev/null || sh "$tools/debian.sh" =python3-venv
    "$found" -c 'import ensurepip, venv' 2>/dev/null || stop "$found cannot make virtual environments: its modules venv and ensurepip are missing"
    rm -rf "$venv"
    "$found" -m venv "$venv" || stop "The virtual environment $place/$venv could not be made: the lines above say why"
fi

echo "Installing the packages of requirements.lock into $venv (a minute or two)…"
pip() { "$venv/bin/python" -m pip -qq --disable-pip-version-check --no-input "$@"; }
PIP_ROOT_USER_ACTION=ignore
export PIP_ROOT_USER_ACTION
# The lock is whole: left to look for dependencies, older pips trip over one that is asked for with an extra.
pip install --no-compile --require-hashes --no-deps --requirement requirements.lock ||
    stop "The packages could not be installed: the lines above say why. Is this machine online?"
# By every processor there is; pip would do it by one. What is no Python of this version, among samples, stays as it is.
"$venv/bin/python" -m compileall -qq -j 0 "$venv/lib" || true
pip install --no-deps --no-build-isolation --editable . || stop "TDS itself could not be installed: the lines above say why"
echo "$wanted" >"$stamp"
