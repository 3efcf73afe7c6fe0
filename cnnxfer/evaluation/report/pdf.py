"""Prints a page as PDF, in a browser that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import atomic_path
from cnnxfer.spelling import option

# Names of Chromium and of browsers that are made of it.
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
LIMIT_SECONDS = 120


def find_browser() -> str:
    """Returns the path of a browser that prints pages.

    Raises:
        ConfigError: if none is on the `PATH`.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise ConfigError(
            f"{option('--pdf')} needs a browser on the PATH that prints pages: "
            f"{', '.join(BROWSERS)}. Install one (Debian: apt install chromium), or "
            "print the page from your browser."
        )
    return found


def print_pdf(browser: str, page: Path, path: Path) -> None:
    """Prints a page, completely or not at all.

    Args:
        browser: the path of the browser.
        page: the HTML file.
        path: the PDF file to write.

    Raises:
        RunError: if the browser does not print it; the message has what it says.
    """
    with tempfile.TemporaryDirectory() as profile, atomic_path(path) as temporary:
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            # For root, Chromium has no sandbox. The page runs its own script alone.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            f"--print-to-pdf={temporary.absolute()}",
            page.absolute().as_uri(),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunError(f"{browser} has not printed {page}: {error}") from error
        if not temporary.exists() or not temporary.stat().st_size:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise RunError(f"{browser} has not printed {page}: {said[-1]}")
