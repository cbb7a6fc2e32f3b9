"""What descriptions of jobs have in common."""

ROLE = "arn:aws:iam::123456789012:role/jobs"
AT, MILLIS = 1_700_000_000.5, 1_700_000_000_500
"""A moment, as a service says it and as a state machine sees it."""
LATER, LATER_MILLIS = 4_000_000_000.5, 4_000_000_000_500
"""A moment to come: a job that is older than its attempt is another's."""
