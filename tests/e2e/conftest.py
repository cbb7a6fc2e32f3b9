"""Newel as its users run it: one process on the scripted fake, another on the emulator."""

import uuid

import pytest
from support.clients import client
from support.newel import Dev, merged
from support.seed import seed

# Jobs are looked at often, so that a test of a `.sync` state takes as long as its job.
BRISK = {
    "worker.poll": {"young_millis": 300, "calls_per_second": 50, "burst": 50},
    "worker": {"listing_lag_seconds": 1},
}


@pytest.fixture(scope="session")
def _newel(_aws_fake, tmp_path_factory):
    with Dev(tmp_path_factory.mktemp("newel"), _aws_fake.url, BRISK) as newel:
        yield newel


@pytest.fixture
def newel(_newel, aws_fake):
    """`newel dev` on the fake, which is emptied before each test; Newel keeps what it has."""
    return _newel


@pytest.fixture
def sfn(newel):
    """Step Functions of the default account."""
    return newel.client()


@pytest.fixture(scope="session")
def newel_on_moto(moto, tmp_path_factory):
    with Dev(tmp_path_factory.mktemp("newel-moto"), moto.url, BRISK) as newel:
        yield newel


@pytest.fixture(scope="session")
def newel_on_ministack(ministack, tmp_path_factory):
    # Its APIs, which are made in it, are called over HTTP at an address that nobody else may call.
    config = {"worker.http": {"plain_http": True}}
    directory = tmp_path_factory.mktemp("newel-ministack")
    with Dev(directory, ministack.url, merged(BRISK, config), {"NEWEL_WORKER__HTTP__ALLOW": "127.0.0.1"}) as newel:
        yield newel


@pytest.fixture(scope="session")
def seeded(moto):
    """What the emulator has for workflows to use."""
    return seed(moto.url)


@pytest.fixture(scope="session")
def s3(moto):
    return client("s3", moto.url)


@pytest.fixture
def bucket(s3):
    """An empty bucket of the emulator's."""
    name = f"items-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name
