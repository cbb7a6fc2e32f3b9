"""Fixtures for every test: the stand-ins of AWS, started once each when a test first asks for them."""

import os

import pytest
from support.aws_fake import AwsFake
from support.docker_socket import DockerSocket
from support.ministack_server import MinistackServer, program
from support.moto_server import MotoServer
from support.newel import RUNNING


@pytest.fixture(scope="session")
def _aws_fake():
    with AwsFake() as fake:
        yield fake


@pytest.fixture
def aws_fake(_aws_fake):
    """The scripted fake, emptied before the test."""
    _aws_fake.reset()
    return _aws_fake


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The emulator, its Batch jobs running as local processes."""
    with DockerSocket(tmp_path_factory.mktemp("docker") / "socket") as docker, MotoServer(docker_socket=docker.path) as moto:
        yield moto


@pytest.fixture(scope="session")
def ministack():
    """The second emulator, which runs functions' code."""
    if not program().exists():
        missing = pytest.fail if os.environ.get("NEWEL_REQUIRE_DATA") else pytest.skip
        missing(f"no ministack at {program()}: run `make test-tools`")
    with MinistackServer() as ministack:
        yield ministack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the ends of the logs of every Newel that runs when a test fails."""
    report = yield
    if report.failed and call.when in ("setup", "call"):
        for newel in list(RUNNING):
            report.sections.append(("Newel's logs", newel.tails()))
    return report
