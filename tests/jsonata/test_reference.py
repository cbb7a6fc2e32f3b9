"""Compares the evaluator with the reference implementation, JSONata 2.0.6, on random expressions and data.

As a program, from tests/: python -m jsonata.test_reference [--cases N] [--seed S] [--show N] runs for as long as asked and shows what differs.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonata.expressions import Generator

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MODULES = ROOT / ".newel" / "node_modules"

# The program may have to be compiled first.
pytestmark = pytest.mark.timeout(600)


def requests(seed: int, count: int) -> list[dict]:
    made = []
    for case in range(count):
        generator = Generator(seed * 1_000_003 + case)
        expression = generator.expression(generator.random.choice([1, 2, 2, 3, 4]))
        made.append({"expression": expression, "input": generator.typed_data()})
    return made


def answers(command: list[str], lines: str) -> list[dict]:
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(ours: object, theirs: object) -> bool:
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return ours == theirs or math.isclose(ours, theirs, rel_tol=1e-15)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)
    return ours == theirs


def agree(expression: str, ours: dict, theirs: dict) -> bool:
    if "crash" in theirs:
        # A fault of JavaScript's that JSONata doesn't define: anything but a crash of our own will do.
        return True
    if ours.get("code") == "U1001":
        return True
    if ours.get("code") == "T0410" and "undefined" in json.dumps(theirs):
        # A missing argument, of which JavaScript made text.
        return True
    if "NaN" in json.dumps(theirs):
        # What pictures make of no number at all.
        return True
    if "code" in ours and "code" in theirs and ("{" in expression or "[" in expression):
        # The reference evaluates the parts of arrays and objects at once: the first error to come isn't always the same.
        return True
    if "code" in ours or "code" in theirs:
        return ours.get("code") == theirs.get("code")
    return ours.keys() == theirs.keys() and same(ours.get("value"), theirs.get("value"))


def differences(seed: int, count: int) -> list[str]:
    made = requests(seed, count)
    lines = "".join(json.dumps(request) + "\n" for request in made)
    program = TARGET / "debug" / "examples" / "evaluate"
    ours = answers([str(program)], lines)
    theirs = answers(["node", str(Path(__file__).with_name("reference.mjs")), str(MODULES)], lines)
    assert len(ours) == len(theirs) == count
    crashes = sum("crash" in answer for answer in theirs)
    values = sum("value" in answer for answer in theirs)
    print(f"seed {seed}: {count} cases, {values} with a value, {crashes} that the reference can't answer")
    assert values > count // 3, "most cases should give a value"
    return [
        f"{request['expression']}\n  ours   {our}\n  theirs {their}\n  on {json.dumps(request['input'])}"
        for request, our, their in zip(made, ours, theirs, strict=True)
        if not agree(request["expression"], our, their)
    ]


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    if shutil.which("node") is None or not (MODULES / "jsonata").is_dir():
        missing = "no reference implementation: `make test-tools` installs it"
        if os.environ.get("NEWEL_REQUIRE_DATA") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    subprocess.run(
        ["cargo", "build", "--quiet", "--package", "newel-jsonata", "--example", "evaluate"], cwd=ROOT, check=True
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_expressions_give_what_the_reference_gives(seed: int) -> None:
    found = differences(seed, 2_000)
    assert not found, f"{len(found)} differ\n" + "\n".join(found[:20])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    batch = min(options.cases, 10_000)
    found: list[str] = []
    for index in range(max(1, options.cases // batch)):
        found += differences(options.seed + index, batch)
    print("\n".join(found[: options.show]))
    print(f"{len(found)} differ")


if __name__ == "__main__":
    main()
