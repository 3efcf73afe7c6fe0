"""A network that is being converted in a process of its own."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cnnxfer.child_process import last_line, python_command
from cnnxfer.errors import reason_of

if TYPE_CHECKING:
    import keras


class ConversionFailed(Exception):
    """Raised if the process has ended without the network; the message says why."""


class Conversion:
    """Converts a network while this process does something else.

    Attributes:
        path: the `.xml` file that is written, with its weights beside it.
    """

    def __init__(
        self, build: Callable[[], keras.Model], path: Path, *, is_tried: bool
    ) -> None:
        """Starts the process.

        Args:
            build: returns the model on any backend of Keras. It is pickled.
            path: the `.xml` file to write.
            is_tried: whether the process also has the network answer images.

        Raises:
            ConversionFailed: if no process can be started.
        """
        self.path = path
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        settings = {"KERAS_BACKEND": "openvino", "TF_CPP_MIN_LOG_LEVEL": "3"}
        try:
            self._process = subprocess.Popen(
                python_command("cnnxfer.engines.conversion.child"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=os.environ | settings,
                process_group=0,  # so that Ctrl-C reaches only this process
            )
        except OSError as error:
            self._errors.close()
            raise ConversionFailed(
                f"no process can be started: {reason_of(error)}"
            ) from error
        assert self._process.stdin
        with suppress(OSError), self._process.stdin as stream:  # `wait` says why
            stream.write(pickle.dumps((build, str(path), is_tried)))

    def wait(self) -> None:
        """Waits until the network is written.

        Raises:
            ConversionFailed: if it cannot be.
            MemoryError: if the system has ended the process.
        """
        code = self._process.wait()
        if code == 0:
            return
        if code == -signal.SIGKILL:
            raise MemoryError("the process that converts was ended by the system")
        raise ConversionFailed(last_line(self._errors) or f"exit code {code}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()
