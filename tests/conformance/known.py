"""What is known of recordings that don't agree, and what each is judged by.

A file of known gaps has `gaps`, each with its reason; `changed`: members that AWS's answers have by now, with the day since
when, and the recordings from before that day, which agree in all else; `mocked`: members in which a mock's answers aren't AWS's,
and the recordings that a mock configuration answers, which agree in all else; and `regions`: recordings that
were taken in another region and show the length of its name. All of them only shrink: what agrees must leave.
"""

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path

from support.clients import REGION

from conformance import replay

RECORDINGS = Path(os.environ["NEWEL_CONFORMANCE"] if "NEWEL_CONFORMANCE" in os.environ else "../../shared/conformance") / "sfn"


@dataclass
class Known:
    """One file of known gaps, and when each recording it speaks of was made."""

    recorded: dict[str, str]
    gaps: dict[str, str]
    changed: dict[str, dict]
    mocked: dict[str, dict]
    regions: dict[str, list[str]]

    @classmethod
    def read(cls, name: str, recorded: dict[str, str]) -> "Known":
        file = json.loads((Path(__file__).parent / name).read_text())
        return cls(recorded, file["gaps"], file["changed"], file.get("mocked", {}), file.get("regions", {}))

    def region(self, case: str, usual: str) -> str:
        return next((region for region, cases in self.regions.items() if case in cases), usual)

    def replayed(self, wanted: replay.Wanted, services: bool = False) -> dict[str, dict]:
        """What became of each recording, by its id: each replayed in the region that it was taken in."""
        found = {}
        for region in [REGION, *self.regions]:

            def there(case: dict, region: str = region) -> bool:
                return wanted(case) and self.region(case["id"], REGION) == region

            found |= replay.report(RECORDINGS, there, region, services)
        return found

    def judge(self, case: str, result: dict) -> None:
        """Fails unless a recording agrees as far as it is known to."""
        if case in self.gaps:
            assert not result["pass"], f"it agrees: take it off the gaps ({self.gaps[case]})"
            return
        made_up = {member for group in self.mocked.values() for member in group["members"] if case in group["cases"]}
        if made_up:
            apart = [d["path"] for d in result["diffs"] if d["path"].rsplit(".")[-1] not in made_up]
            assert result["diffs"] and not apart, apart or "it agrees: take it off what mocks make up"
            return
        younger = {member for change in self.changed.values() for member in change["members"] if case in change["cases"]}
        if younger:
            apart = [d["path"] for d in result["diffs"] if d["expected"] != "<missing>" or d["path"].rsplit(".")[-1] not in younger]
            assert result["diffs"] and not apart, apart or "it agrees: take it off what has changed"
            return
        told = [f"{d['path']}: expected {d['expected']!r}, not {d['actual']!r}" for d in result["diffs"]]
        assert result["pass"], "\n".join([*result["notes"][:3], *told])

    def is_sound(self, share: float) -> None:
        """Fails unless gaps are at most that share, and each thing said is said of a recording, with a reason that fits."""
        changed = [(change, case) for change in self.changed.values() for case in change["cases"]]
        mocked = [case for group in self.mocked.values() for case in group["cases"]]
        named = [*self.gaps, *mocked, *(case for _, case in changed), *(case for cases in self.regions.values() for case in cases)]
        assert set(named) <= set(self.recorded), f"no recordings: {set(named) - set(self.recorded)}"
        assert not set(self.gaps) & {*mocked, *(case for _, case in changed)}
        groups = [*self.changed.values(), *self.mocked.values()]
        assert all(reason.strip() for reason in [*self.gaps.values(), *(group["reason"] for group in groups)])
        for change, case in changed:
            since = datetime.date.fromisoformat(change["since"])
            recorded = datetime.datetime.strptime(self.recorded[case].split(",")[0], "%d-%m-%Y").date()
            assert recorded < since, f"{case} was recorded on {recorded}"
        assert len(self.gaps) <= share * len(self.recorded), f"{len(self.gaps)} gaps of {len(self.recorded)}"
