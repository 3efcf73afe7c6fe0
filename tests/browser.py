"""A browser that tests use as people do: it drops files, presses keys, and reads.

Chromium is driven through two pipes, in the DevTools Protocol, without any package.
https://chromedevtools.github.io/devtools-protocol
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cnnxfer.evaluation.report.pdf import BROWSERS

PATIENCE_SECONDS = 60
# The browser reads commands from its descriptor 3, and writes to 4.
START_CODE = """
import os, sys
from fcntl import F_DUPFD, fcntl
reading, writing = [fcntl(int(number), F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(reading, 3), os.dup2(writing, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "End": 35}


class Browser:
    """A page in a browser without a window.

    Attributes:
        asked: the address of each request that the page has made.
        complaints: what the browser has said of the page: of its policy, and errors.
    """

    def __init__(self, commands: int, events: int) -> None:
        self._commands, self._events = commands, events
        self._numbers = itertools.count(1)
        self._read = b""
        self._session: str | None = None
        self.asked: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and returns its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Returns the value of an expression of JavaScript, or of its promise."""
        found = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.evaluate(f"!!({condition})"):
            assert time.monotonic() < end, (condition, self.text("body"))
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """Returns the text of an element, as it is seen."""
        return str(self.evaluate(f"document.querySelector({selector!r}).innerText"))

    def drop(self, *files: Path) -> None:
        """Drops files in the middle of the page."""
        data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=200, y=100, data=data)

    def press(self, key: str) -> None:
        """Presses a key, and lets it go."""
        code = KEYS[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Types a text where the focus is."""
        self.call("Input.insertText", text=text)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            piece = os.read(self._events, 1 << 20)
            assert piece, "the browser has ended"
            self._read += piece
        message, _, self._read = self._read.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        elif event.get("method") == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Opens a browser; skips where none is installed.

    Args:
        profile: a folder for what the browser writes.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser on the PATH: {', '.join(BROWSERS)}")
    from_us, commands = os.pipe()
    events, to_us = os.pipe()
    options = [
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", START_CODE, str(from_us), str(to_us), found, *options],
        pass_fds=(from_us, to_us),
        stderr=subprocess.DEVNULL,
    )
    os.close(from_us)
    os.close(to_us)
    try:
        yield Browser(commands, events)
    finally:
        os.close(commands)  # which ends it
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(events)
