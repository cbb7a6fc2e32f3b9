#!/usr/bin/env python3
"""Leaves a database as a release writes it, for later releases to be tested on: `make release-fixture RELEASE=0.2.0`.

usage: NEWEL_BIN=the release's newel NEWEL_AWS_FAKE=... tests/release_fixture.py NAME
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support import releases  # noqa: E402
from support.aws_fake import AwsFake  # noqa: E402
from support.newel import Dev  # noqa: E402


def main() -> int:
    (name,) = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="newel-release-") as scratch, AwsFake() as fake:
        with Dev(Path(scratch), fake.url, {"worker.poll": {"young_millis": 300}}) as newel:
            expected = releases.fill(newel, fake)
        written = releases.pack(Path(scratch) / "data", name, expected)
    for file in sorted(written.iterdir()):
        print(f"{file.stat().st_size:>8} {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
