"""What AWS answered, exactly: every recording that needs no service but Step Functions, save the known gaps (2 % at most)."""

import pytest

from conformance import replay
from conformance.known import RECORDINGS, Known

CASES = replay.cases(RECORDINGS, replay.alone) if RECORDINGS.is_dir() else {}
KNOWN = Known.read("known_gaps.json", CASES)

pytestmark = pytest.mark.skipif(not CASES, reason=f"no recordings of AWS at {RECORDINGS}: set NEWEL_CONFORMANCE")


@pytest.fixture(scope="session")
def results():
    return KNOWN.replayed(replay.alone)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
def test_newel_answers_as_aws_did(case, results):
    KNOWN.judge(case, results[case])


def test_gaps_are_few_and_each_has_its_reason():
    KNOWN.is_sound(0.02)
