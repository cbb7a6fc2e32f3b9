"""Clients of the scripted fake."""

import pytest
from support.clients import client


@pytest.fixture
def connect(aws_fake):
    """Makes a boto3 client of the fake: `connect("batch", access_key=..., attempts=...)`."""
    return lambda service, **options: client(service, aws_fake.url, **options)


@pytest.fixture
def batch(connect):
    return connect("batch")


@pytest.fixture
def ecs(connect):
    return connect("ecs")


@pytest.fixture
def glue(connect):
    return connect("glue")


@pytest.fixture
def dynamodb(connect):
    return connect("dynamodb")


@pytest.fixture
def sts(connect):
    return connect("sts")
