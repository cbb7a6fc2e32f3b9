"""boto3 clients for stand-ins: an endpoint, an identity, no hidden retries unless asked for."""

import boto3
from botocore.config import Config

REGION = "us-east-1"
DEFAULT_ACCOUNT = "000000000000"


def client(
    service: str,
    endpoint: str,
    *,
    access_key: str = DEFAULT_ACCOUNT,
    secret: str = "not-checked",
    session_token: str | None = None,
    region: str = REGION,
    attempts: int = 1,
    timeout: float = 30.0,
    inject_host_prefix: bool = True,
):
    """A boto3 client; `attempts` counts all tries of a call, so 1 shows every fault to the test. Without `inject_host_prefix`
    StartSyncExecution and TestState go to the endpoint's own name, not to `sync-` before it."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        aws_session_token=session_token,
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=timeout,
            read_timeout=timeout,
            parameter_validation=True,
            inject_host_prefix=inject_host_prefix,
        ),
    )
