"""Finds the Chromium that tests drive; ``python -m tests.chromium`` installs it where it is missing, if it may."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: apt install chromium, or set CHROMIUM"
PACKAGES = ("chromium", "fonts-liberation")  # without a font a page has no words to measure
PATIENCE = 600  # seconds
CALM = {"DEBIAN_FRONTEND": "noninteractive"}


def find() -> str | None:
    """Return the path of a Chromium: the one that CHROMIUM names, else the first that is installed."""
    named = os.environ.get("CHROMIUM")
    return next((path for name in ((named,) if named else NAMES) if (path := shutil.which(name))), None)


def install() -> None:
    """Install it from Debian's packages, if we may; where that fails, the tests say what is missing."""
    if find() or os.environ.get("CHROMIUM") or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    sys.stdout.write("installing Chromium for the browser tests\n")
    sys.stdout.flush()
    for words in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
        subprocess.run(
            ["apt-get", "-qq", *words], env={**os.environ, **CALM}, capture_output=True, timeout=PATIENCE, check=False
        )


if __name__ == "__main__":
    install()
