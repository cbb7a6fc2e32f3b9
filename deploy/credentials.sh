#!/bin/sh
# Makes the credentials that the compose file's services share, once: what exists is kept.
#
#   deploy/credentials.sh DIRECTORY ACCOUNT
#
# DIRECTORY/orchestrator gets access-keys.toml (for AWS JSON requests), client-token (for gRPC clients) and
# worker-tokens/FAMILY; DIRECTORY/worker-FAMILY gets token. Prints the access key.
set -eu

[ $# -eq 2 ] || { echo "usage: $0 DIRECTORY ACCOUNT" >&2; exit 2; }
directory=$1
account=$2
umask 027

# random BYTES: that many random bytes in hexadecimal.
random() {
    od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# keep FILE: writes standard input to FILE unless it is there; whole or not at all.
keep() {
    if [ ! -s "$1" ]; then
        cat >"$1.partial"
        mv "$1.partial" "$1"
    fi
}

mkdir -p "$directory/orchestrator/worker-tokens"
keep "$directory/orchestrator/access-keys.toml" <<KEYS
[[access_keys]]
access_key_id = "NEWEL$(random 8 | tr 'a-f' 'A-F')"
secret_access_key = "$(random 20)"
account = "$account"
KEYS
random 32 | keep "$directory/orchestrator/client-token"
for family in batch ecs glue dynamodb http s3 sdk \
    athena bedrock codebuild databrew eks emr \
    lambda mediaconvert messaging sagemaker; do
    mkdir -p "$directory/worker-$family"
    random 32 | keep "$directory/orchestrator/worker-tokens/$family"
    keep "$directory/worker-$family/token" <"$directory/orchestrator/worker-tokens/$family"
done

sed -n 's/^access_key_id = "\(.*\)"/export AWS_ACCESS_KEY_ID=\1/p
        s/^secret_access_key = "\(.*\)"/export AWS_SECRET_ACCESS_KEY=\1/p' "$directory/orchestrator/access-keys.toml"
