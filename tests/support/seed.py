"""Creates what workflows need in an emulator: a Batch queue and job definition, an ECS cluster and task definition, a
Glue job and a DynamoDB table.

usage: python -m support.seed ENDPOINT [--account 12-DIGITS] [--region REGION]      prints the names as JSON

Without --account that's the emulator's own account.

Running it twice is harmless: what exists is left as it is (definitions get a new revision).
"""

import argparse
import json
from dataclasses import asdict, dataclass

from botocore.exceptions import ClientError

from support.clients import REGION, client

NAME = "newel-demo"

BATCH_COMMAND = ["sh", "-c", 'echo "$0"; sleep "$1"; exit "$2"', "Ref::message", "Ref::seconds", "Ref::code"]
"""A job whose message, duration and exit code are its parameters, each a word of its own as moto needs them."""

BATCH_PARAMETERS = {"message": "hello from a batch job", "seconds": "1", "code": "0"}

ASSUME_ROLE_POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclass(frozen=True)
class Seeded:
    """The names and ARNs of what was created."""

    job_queue: str
    job_definition: str
    cluster: str
    task_definition: str
    container: str
    subnets: list[str]
    security_groups: list[str]
    glue_job: str
    table: str
    table_key: str
    role: str

    def to_json(self) -> dict:
        return asdict(self)


def _identity_in(endpoint: str, account: str) -> dict[str, str]:
    """Credentials in another account: to moto an account is where an assumed role lives."""
    sts = client("sts", endpoint)
    role = f"arn:aws:iam::{account}:role/{NAME}"
    credentials = sts.assume_role(RoleArn=role, RoleSessionName=NAME)["Credentials"]
    return {"access_key": credentials["AccessKeyId"], "session_token": credentials["SessionToken"]}


class _Seeder:
    def __init__(self, endpoint: str, account: str | None, region: str):
        identity = _identity_in(endpoint, account) if account else {}

        def of(service: str):
            return client(service, endpoint, region=region, attempts=3, timeout=60, **identity)

        self.batch, self.ecs, self.glue = of("batch"), of("ecs"), of("glue")
        self.dynamodb, self.ec2, self.iam = of("dynamodb"), of("ec2"), of("iam")

    def role(self) -> str:
        """A role that everything may run under."""
        try:
            created = self.iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=ASSUME_ROLE_POLICY)
            return created["Role"]["Arn"]
        except self.iam.exceptions.EntityAlreadyExistsException:
            return self.iam.get_role(RoleName=NAME)["Role"]["Arn"]

    def subnets(self) -> list[str]:
        """The default network's, whose private DNS names moto's Fargate tasks need."""
        default = [{"Name": "default-for-az", "Values": ["true"]}]
        subnets = self.ec2.describe_subnets(Filters=default)["Subnets"]
        return [subnet["SubnetId"] for subnet in subnets]

    def security_groups(self) -> list[str]:
        default = [{"Name": "group-name", "Values": ["default"]}]
        groups = self.ec2.describe_security_groups(Filters=default)["SecurityGroups"]
        return [group["GroupId"] for group in groups]

    def batch_queue(self, role: str) -> str:
        queues = self.batch.describe_job_queues(jobQueues=[NAME])["jobQueues"]
        if queues:
            return queues[0]["jobQueueArn"]
        environment = self.batch.create_compute_environment(
            computeEnvironmentName=NAME, type="UNMANAGED", state="ENABLED", serviceRole=role
        )
        order = [{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}]
        queue = self.batch.create_job_queue(
            jobQueueName=NAME, state="ENABLED", priority=1, computeEnvironmentOrder=order
        )
        return queue["jobQueueArn"]

    def batch_definition(self) -> str:
        definition = self.batch.register_job_definition(
            jobDefinitionName=NAME,
            type="container",
            parameters=BATCH_PARAMETERS,
            containerProperties={
                "image": "busybox",
                "command": BATCH_COMMAND,
                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
            },
        )
        return definition["jobDefinitionArn"]

    def ecs_task(self, role: str) -> str:
        self.ecs.create_cluster(clusterName=NAME)
        definition = self.ecs.register_task_definition(
            family=NAME,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn=role,
            containerDefinitions=[
                {"name": "main", "image": "busybox", "essential": True, "cpu": 256, "memory": 512, "command": ["true"]}
            ],
        )
        return definition["taskDefinition"]["taskDefinitionArn"]

    def glue_job(self, role: str) -> str:
        try:
            self.glue.get_job(JobName=NAME)
        except self.glue.exceptions.EntityNotFoundException:
            self.glue.create_job(
                Name=NAME,
                Role=role,
                Command={"Name": "glueetl", "ScriptLocation": "s3://newel-demo/script.py"},
                ExecutionProperty={"MaxConcurrentRuns": 1000},
            )
        return NAME

    def table(self, key: str) -> str:
        try:
            self.dynamodb.create_table(
                TableName=NAME,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceInUseException":
                raise
        return NAME


def seed(endpoint: str, account: str | None = None, region: str = REGION) -> Seeded:
    """Creates everything in one account and region of the emulator at `endpoint`."""
    seeder = _Seeder(endpoint, account, region)
    role = seeder.role()
    key = "id"
    return Seeded(
        job_queue=seeder.batch_queue(role),
        job_definition=seeder.batch_definition(),
        cluster=NAME,
        task_definition=seeder.ecs_task(role),
        container="main",
        subnets=seeder.subnets(),
        security_groups=seeder.security_groups(),
        glue_job=seeder.glue_job(role),
        table=seeder.table(key),
        table_key=key,
        role=role,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="create the demo's resources in an AWS emulator")
    parser.add_argument("endpoint")
    parser.add_argument("--account", help="12 digits; without it the emulator's own account")
    parser.add_argument("--region", default=REGION)
    options = parser.parse_args()
    print(json.dumps(seed(options.endpoint, options.account, options.region).to_json(), indent=2))


if __name__ == "__main__":
    main()
