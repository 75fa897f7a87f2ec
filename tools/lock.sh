#!/bin/sh
# lock.sh [--upgrade]: writes the locks anew from pyproject.toml, with hashes, for every platform and Python from 3.11 on:
# requirements.lock with everything, the tests' and the documents' tools too; deploy/requirements.lock with what the product itself needs, in the same versions.
set -eu
uv=$(command -v uv || echo .venv/bin/uv)
[ -x "$uv" ] || {
    echo "The lock is written by uv: install it, for example with  .venv/bin/python -m pip install uv" >&2
    exit 1
}

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
        --extra build pyproject.toml "$@"
}

compile --extra test --extra docs --output-file requirements.lock "$@"
compile --constraint requirements.lock --no-annotate --output-file deploy/requirements.lock
