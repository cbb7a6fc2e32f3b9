"""What `make demo` and `make demo-services` run, run: the main job from end to end."""

import subprocess
import sys

import pytest
from support.newel import ROOT


@pytest.mark.parametrize("how", [[], ["--services"]], ids=["one process", "five processes"])
def test_the_demo_succeeds(how):
    command = [sys.executable, ROOT / "demo" / "run.py", *how]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
    told = done.stdout
    assert done.returncode == 0, told[-4000:]
    assert told.rstrip().endswith("== SUCCEEDED")
    for state in ("Prepare data", "Work", "Look at each", "Ask for approval", "Record"):
        assert state in told
