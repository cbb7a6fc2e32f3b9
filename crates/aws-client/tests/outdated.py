"""Writes outdated.json: the endpoint cases that botocore's own resolver answers otherwise than the case expects.

The cases are of one release, the rules of another. What botocore makes of the same rules is what those cases are held
to instead.

usage: python outdated.py FOLDER        FOLDER holds the recorded cases, `endpoint-rules/SERVICE/endpoint-tests-1.json`
"""

import json
import sys
from pathlib import Path

import botocore
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError, UnknownServiceError
from botocore.loaders import Loader


def resolve(provider: EndpointProvider, params: dict) -> dict:
    try:
        found = provider.resolve_endpoint(**params)
    except EndpointProviderError as error:
        return {"error": str(error)}
    endpoint = {"url": found.url}
    for name in ("properties", "headers"):
        if getattr(found, name):
            endpoint[name] = getattr(found, name)
    return {"endpoint": endpoint}


def plain(expect: dict) -> dict:
    """An expectation without its empty parts."""
    if "endpoint" in expect:
        return {"endpoint": {name: value for name, value in expect["endpoint"].items() if value}}
    return expect


def main(cases: Path) -> None:
    loader, outdated = Loader(), []
    partitions = loader.load_data("partitions")
    for path in sorted(cases.glob("endpoint-rules/*/endpoint-tests-1.json")):
        service = path.parent.name
        try:
            rules = loader.load_service_model(service, "endpoint-rule-set-1")
        except UnknownServiceError:
            continue
        for index, case in enumerate(json.loads(path.read_text())["testCases"]):
            answer = resolve(EndpointProvider(rules, partitions), case.get("params", {}))
            if answer != plain(case["expect"]):
                outdated.append({"service": service, "index": index, "documentation": case["documentation"], "botocore": answer})
    lines = ",\n".join(json.dumps(case) for case in outdated)
    Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(outdated)} cases, botocore {botocore.__version__}")


main(Path(sys.argv[1]))
