"""The server: opens models, listens, and ends without losing what it took."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from pathlib import Path

import uvicorn

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.config.serving import ServeOptions
from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.reporting import Reporter
from cnnxfer.serving.admission import Admission
from cnnxfer.serving.app import make_app
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.connections import Connection
from cnnxfer.serving.explainer import Explainer
from cnnxfer.serving.guard import Guard, is_local
from cnnxfer.serving.metrics import Metrics
from cnnxfer.serving.served_model import ServedModel, Watch
from cnnxfer.spelling import option
from cnnxfer.stopping import Stop, stop_on_signals

MEGABYTE = 1_000_000
BODIES = 8  # bodies of the largest size that may be held at once
BODY_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 30
# Loggers that warn of what clients did wrong, or that they went away.
NOISY = ("uvicorn.error", "asyncio", "python_multipart")
ENDING_SECONDS = 30  # for what was taken before the end


def serve(
    models: Mapping[str, str | None],
    options: ServeOptions,
    runs_dir: str | Path | None,
    reporter: Reporter,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Answers requests until Ctrl-C or SIGTERM; see `cnnxfer.serve`.

    Args:
        models: what to serve, by the names that clients use; None for the latest run.
        options: where, to whom and how.
        runs_dir: the directory of all runs.
        reporter: is told what happens.
        on_ready: called with the address, once models answer there.

    Raises:
        CnnxferError: if a model cannot be opened, or the address not be listened on.
    """
    with ExitStack() as open_things:
        listener = open_things.enter_context(_listener(options))
        admission = Admission(options.queue, BODIES * options.most_megabytes * MEGABYTE)
        metrics = Metrics(admission)
        served: dict[str, ServedModel] = {}
        for name, model in models.items():
            served[name] = ServedModel(
                name,
                model,
                _classifier_options(options),
                runs_dir,
                reporter,
                metrics.batch_counter(name),
            )
            open_things.callback(served[name].close)
            metrics.watch_version(served[name])
        watch = Watch(list(served.values()))
        open_things.callback(watch.stop)  # before models are closed
        most_images = min(options.most_images, options.queue)  # more could never wait
        backend = Backend(served, admission, most_images, options.allow_private)
        explainer = Explainer(options.max_pixels, reporter)
        open_things.callback(explainer.close)
        most_bytes = options.most_megabytes * MEGABYTE
        app = Guard(
            make_app(backend, explainer, metrics, most_bytes),
            admission,
            token=options.token,
            local=is_local(options.host) and not options.token,
            most_bytes=most_bytes,
            body_seconds=BODY_SECONDS,
            on_response=metrics.on_response,
        )
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=ENDING_SECONDS,
        )
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.ERROR)
        # uvicorn raises the signals again that it ended for; here, they are the end.
        with stop_on_signals() as stop, suppress(KeyboardInterrupt):
            on_ready(_address(listener, options.host))
            SignalledServer(config, stop).run(sockets=[listener])


class SignalledServer(uvicorn.Server):
    """A server that also ends for a signal that came before it looks out for them."""

    def __init__(self, config: uvicorn.Config, stop: Stop) -> None:
        super().__init__(config)
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, from when on signals set `should_exit`."""
        await super().startup(sockets)
        self.should_exit |= self._stop.requested


@contextmanager
def _listener(options: ServeOptions) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        made = socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise ConfigError(
            f"{options.host} port {options.port} cannot be listened on: "
            f"{reason_of(error)}. Name another: {option('--port')} "
            f"{options.port + 1 if 0 < options.port < 65535 else 0}"
        ) from error
    # Python asks the system for the protocol of a socket that it gets as a number, and
    # asyncio, which sends answers without delay over TCP alone, has to know it.
    with socket.socket(fileno=made.detach()) as listener:
        yield listener


def _address(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _classifier_options(options: ServeOptions) -> ClassifierOptions:
    known = {field.name for field in fields(ClassifierOptions)}
    shared = {name: value for name, value in vars(options).items() if name in known}
    return ClassifierOptions(**shared)
