"""What AWS answered, exactly: every recording that needs other services, which an emulator plays, save the known gaps (5 % at
most). What the emulator answers is made AWS's first: see `support.aws_front`."""

import pytest

from conformance import replay
from conformance.known import RECORDINGS, Known

CASES = replay.cases(RECORDINGS, replay.with_services) if RECORDINGS.is_dir() else {}
KNOWN = Known.read("service_gaps.json", CASES)

pytestmark = pytest.mark.skipif(not CASES, reason=f"no recordings of AWS at {RECORDINGS}: set NEWEL_CONFORMANCE")


@pytest.fixture(scope="session")
def results():
    return KNOWN.replayed(replay.with_services, services=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES)
def test_newel_answers_as_aws_did(case, results):
    KNOWN.judge(case, results[case])


def test_gaps_are_few_and_each_has_its_reason():
    KNOWN.is_sound(0.05)
