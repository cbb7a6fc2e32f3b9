"""What AWS answered, exactly: every recording that needs no service but Step Functions, save the known gaps.

`known_gaps.json` has the gaps, each with its reason. It only shrinks: a gap that agrees must leave it.
"""

import json
import os
from pathlib import Path

import pytest

from conformance import replay

RECORDINGS = Path(os.environ["NEWEL_CONFORMANCE"] if "NEWEL_CONFORMANCE" in os.environ else "../../shared/conformance") / "sfn"
GAPS: dict[str, str] = json.loads((Path(__file__).parent / "known_gaps.json").read_text())
CASES = replay.cases(RECORDINGS) if RECORDINGS.is_dir() else []
ALLOWED = 0.02
"""The share of the recordings that may be gaps."""

pytestmark = pytest.mark.skipif(not CASES, reason=f"no recordings of AWS at {RECORDINGS}: set NEWEL_CONFORMANCE")


@pytest.fixture(scope="session")
def results():
    return replay.report(RECORDINGS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
def test_newel_answers_as_aws_did(case, results):
    result = results[case]
    if case in GAPS:
        assert not result["pass"], "it agrees: take it off known_gaps.json"
        return
    told = [f"{d['path']}: expected {d['expected']!r}, not {d['actual']!r}" for d in result["diffs"]]
    assert result["pass"], "\n".join([*result["notes"][:3], *told])


def test_gaps_are_few_and_each_has_its_reason():
    assert set(GAPS) <= set(CASES), "a gap that is no recording"
    assert all(reason.strip() for reason in GAPS.values())
    assert len(GAPS) <= ALLOWED * len(CASES)
