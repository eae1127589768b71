"""The browser of the tests: without windows it takes less of the processor."""

import shutil

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
