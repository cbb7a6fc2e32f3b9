#!/usr/bin/env python3
"""The recordings' own runner, which reads the bodies that services stream: it compares them unread.

usage: tests/conformance/runner.py DIRECTORY [arguments of its run_cases.py]     DIRECTORY has run_cases.py
"""

import importlib.util
import sys
from pathlib import Path


def main() -> None:
    directory = Path(sys.argv.pop(1))
    spec = importlib.util.spec_from_file_location("run_cases", directory / "run_cases.py")
    run_cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run_cases)

    class Runner(run_cases.Runner):
        def call(self, step, parameters):
            answer, error = super().call(step, parameters)
            if hasattr(body := answer.get("Body"), "read"):
                answer["Body"] = body.read().decode(errors="replace")
            return answer, error

    run_cases.Runner = Runner
    run_cases.main()


if __name__ == "__main__":
    main()
