"""What AWS answered, exactly: every recording that needs no service but Step Functions, save the known gaps.

`known_gaps.json` has the gaps, each with its reason: two per cent at most. Beside them it has what AWS itself has changed since:
members that its answers have now, with the day since when, and recordings from before that day. Those agree in all but
that member. Both only shrink: what agrees must leave.
"""

import datetime
import json
import os
from pathlib import Path

import pytest

from conformance import replay

RECORDINGS = Path(os.environ["NEWEL_CONFORMANCE"] if "NEWEL_CONFORMANCE" in os.environ else "../../shared/conformance") / "sfn"
KNOWN = json.loads((Path(__file__).parent / "known_gaps.json").read_text())
GAPS: dict[str, str] = KNOWN["gaps"]
SINCE: dict[str, str] = {case: member for member, change in KNOWN["changed"].items() for case in change["cases"]}
"""The member that AWS's answers have and a recording lacks, by recording."""
CASES = replay.cases(RECORDINGS) if RECORDINGS.is_dir() else {}
"""When each was recorded."""
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
    if case in SINCE:
        apart = [d["path"] for d in result["diffs"] if d["expected"] != "<missing>" or d["path"].rsplit(".")[-1] != SINCE[case]]
        assert result["diffs"] and not apart, apart or "it agrees: take it off known_gaps.json"
        return
    told = [f"{d['path']}: expected {d['expected']!r}, not {d['actual']!r}" for d in result["diffs"]]
    assert result["pass"], "\n".join([*result["notes"][:3], *told])


@pytest.mark.parametrize("member", KNOWN["changed"])
def test_what_aws_has_changed_is_younger_than_the_recordings_that_lack_it(member):
    since = datetime.date.fromisoformat(KNOWN["changed"][member]["since"])
    for case in KNOWN["changed"][member]["cases"]:
        recorded = datetime.datetime.strptime(CASES[case].split(",")[0], "%d-%m-%Y").date()
        assert recorded < since, f"{case} was recorded on {recorded}"


def test_gaps_are_few_and_each_has_its_reason():
    assert {*GAPS, *SINCE} <= set(CASES), "a gap that is no recording"
    assert not set(GAPS) & set(SINCE)
    assert all(reason.strip() for reason in [*GAPS.values(), *(change["reason"] for change in KNOWN["changed"].values())])
    assert len(GAPS) <= ALLOWED * len(CASES)
