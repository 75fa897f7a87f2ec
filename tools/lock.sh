#!/bin/sh
# lock.sh [--upgrade]: writes requirements.lock anew from pyproject.toml, with hashes, for every platform and Python from 3.11 on.
set -eu
uv=$(command -v uv || echo .venv/bin/uv)
[ -x "$uv" ] || {
    echo "The lock is written by uv: install it, for example with  .venv/bin/python -m pip install uv" >&2
    exit 1
}
exec "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
    --extra test --extra build pyproject.toml --output-file requirements.lock "$@"
