#!/usr/bin/env bash
# Makes the environment and builds the documentation; a warning is an error:
#   bash scripts/docs.sh        then open docs/_build/index.html
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/environment.sh dev
exec .venv/bin/python -m sphinx -q -E -W --keep-going docs docs/_build
