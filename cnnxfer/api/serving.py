"""`serve`: models that answer over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Unpack

from cnnxfer.api.arguments import Pathlike, as_texts
from cnnxfer.api.options import ServeKeywords
from cnnxfer.config import override
from cnnxfer.config.options import settings_of
from cnnxfer.config.serving import ServeOptions
from cnnxfer.console import CONSOLE
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.packages import require_packages
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.spelling import option

PACKAGES = (
    "fastapi",
    "httptools",
    "multipart",
    "prometheus_client",
    "swagger_ui_bundle",
    "uvicorn",
)
TOKEN = "CNNXFER_TOKEN"


def serve(
    models: Pathlike | Iterable[Pathlike] = (),
    *,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    on_ready: Callable[[str], None] = lambda address: None,
    **options: Unpack[ServeKeywords],
) -> None:
    """Answers programs and people over HTTP, until Ctrl-C or SIGTERM.

    The REST interface of TensorFlow Serving, version 2 of the Open Inference Protocol,
    `POST /predict` with files, a page at `/`, and figures for Prometheus at `/metrics`.
    A newer version of a model is picked up while others are answered.

    Args:
        models: runs, backbones or exports, as `predict` takes them; `NAME=MODEL` has
            clients call it NAME. By default the latest run, which is then always the
            latest, or the built-in backbone if there is none.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages; None for silence.
        on_ready: called with the address, once the models answer there.
        **options: the options of the command line; None is their default.

    Raises:
        ConfigError: if a model or an option is unknown, two models have one name, a
            package is missing, or the address cannot be listened on.
        DataError: if an exported network is damaged.
        RunError: if a run has no model, or weights cannot be downloaded.
    """
    require_packages(PACKAGES, "serving models", "serve")
    chosen = override(ServeOptions(), settings_of("serve", options))
    chosen = replace(chosen, token=chosen.token or os.environ.get(TOKEN, ""))
    named = _by_name(as_texts(models))
    from cnnxfer.serving.guard import is_local
    from cnnxfer.serving.server import serve

    if not chosen.token and not is_local(chosen.host):
        raise ConfigError(
            f"{chosen.host} is reached from other machines, and anybody there could "
            f"ask. Set a secret: {option('--token', 'SECRET')} or {TOKEN}; or leave "
            f"out {option('--host')}."
        )
    serve(named, chosen, runs_dir, reporter or SilentReporter(), on_ready)


def _by_name(models: Iterable[str]) -> dict[str, str | None]:
    """Returns what to serve by the names that clients use."""
    named: dict[str, str | None] = {}
    for text in models:
        name, separator, model = text.partition("=")
        if not separator:
            name, model = text.rstrip("/").rpartition("/")[2], text
        if not name or not model or "/" in name:
            raise ConfigError(f"{text!r} has no name, or no model. Write NAME=MODEL.")
        if name in named:
            raise ConfigError(
                f"two models are called {name!r}. Name them: {name}-2={model}"
            )
        named[name] = model
    return named or {"latest": None}
