# SPDX-License-Identifier: MIT
"""Runs the Node.js programs of tests/node, whose packages come by its lock file."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

DIRECTORY = pathlib.Path(__file__).resolve().parents[1] / "node"


def require():
    """Skips the test where Node.js or the packages are not there (scripts/test.sh brings
    both)."""
    if shutil.which("node") is None or not (DIRECTORY / "node_modules").is_dir():
        pytest.skip("needs Node.js and `npm ci` in tests/node")


def run_lines(script, values, env=None, timeout=120):
    """Feeds JSON values, one a line; the lines that come back."""
    require()
    text = "".join(json.dumps(v) + "\n" for v in values)
    # The SDK would ask a proxy of the environment.
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    result = subprocess.run(["node", str(DIRECTORY / script)], input=text,
                            capture_output=True, text=True, timeout=timeout,
                            env={**clean, **(env or {})}, cwd=DIRECTORY)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()
