#!/usr/bin/env bash
# Makes the environment and passes the tests:
#   bash scripts/test.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/environment.sh dev
exec .venv/bin/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal "$@"
