"""The resources whose jobs are AWS's: what each sends, as botocore reads it, and gets. Jobs of a Kubernetes cluster
(eks:runJob) and of Newel itself (states) aren't among them."""

from e2e.kinds.builds import CODEBUILD
from e2e.kinds.containers import BATCH, ECS, EKS
from e2e.kinds.data import ATHENA, DATABREW, GLUE
from e2e.kinds.emr import EMR, EMR_ON_EKS, EMR_SERVERLESS
from e2e.kinds.models import BEDROCK, MEDIACONVERT, SAGEMAKER

KINDS = [
    ATHENA,
    BATCH,
    BEDROCK,
    *CODEBUILD,
    DATABREW,
    ECS,
    *EKS,
    *EMR,
    *EMR_ON_EKS,
    *EMR_SERVERLESS,
    GLUE,
    MEDIACONVERT,
    *SAGEMAKER,
]
