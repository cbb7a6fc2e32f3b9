//! Cut-down models of the four services, in botocore's form: enough for the tables, without the packed file.

use std::sync::Arc;

use newel_aws_catalog::Catalog;
use newel_value::Value;

use crate::Integrations;

const BATCH: &str = r#"{
  "metadata": {"serviceId": "Batch", "serviceFullName": "AWS Batch", "apiVersion": "2016-08-10", "endpointPrefix": "batch",
    "signatureVersion": "v4", "protocol": "rest-json"},
  "operations": {"SubmitJob": {"http": {"method": "POST", "requestUri": "/v1/submitjob"}, "input": {"shape": "SubmitJobRequest"},
    "output": {"shape": "SubmitJobResponse"}, "errors": [{"shape": "ClientException"}]}},
  "shapes": {
    "SubmitJobRequest": {"type": "structure", "required": ["jobName", "jobQueue", "jobDefinition"], "members": {
      "jobName": {"shape": "String"}, "jobQueue": {"shape": "String"}, "jobDefinition": {"shape": "String"},
      "parameters": {"shape": "Map"}, "tags": {"shape": "Map"}, "containerOverrides": {"shape": "ContainerOverrides"},
      "nodeOverrides": {"shape": "NodeOverrides"}}},
    "SubmitJobResponse": {"type": "structure", "members": {
      "jobArn": {"shape": "String"}, "jobName": {"shape": "String"}, "jobId": {"shape": "String"}}},
    "ContainerOverrides": {"type": "structure", "members": {"environment": {"shape": "Environment"}, "command": {"shape": "Strings"}}},
    "NodeOverrides": {"type": "structure", "members": {"numNodes": {"shape": "Integer"}}},
    "Environment": {"type": "list", "member": {"shape": "KeyValuePair"}},
    "KeyValuePair": {"type": "structure", "members": {"name": {"shape": "String"}, "value": {"shape": "String"}}},
    "JobDetail": {"type": "structure", "members": {
      "jobId": {"shape": "String"}, "status": {"shape": "String"}, "startedAt": {"shape": "Long"}, "tags": {"shape": "Map"},
      "container": {"shape": "ContainerDetail"}}},
    "ContainerDetail": {"type": "structure", "members": {"exitCode": {"shape": "Integer"}, "environment": {"shape": "Environment"}}},
    "ClientException": {"type": "structure", "members": {"message": {"shape": "String"}}, "error": {"httpStatusCode": 400}, "exception": true},
    "Map": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "String"}},
    "Strings": {"type": "list", "member": {"shape": "String"}},
    "String": {"type": "string"}, "Integer": {"type": "integer"}, "Long": {"type": "long"}
  }}"#;

const ECS: &str = r#"{
  "metadata": {"serviceId": "ECS", "serviceFullName": "Amazon EC2 Container Service", "apiVersion": "2014-11-13",
    "endpointPrefix": "ecs", "signatureVersion": "v4", "protocol": "json"},
  "operations": {"RunTask": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "RunTaskRequest"},
    "output": {"shape": "RunTaskResponse"}, "errors": [{"shape": "ClusterNotFoundException"}]}},
  "shapes": {
    "RunTaskRequest": {"type": "structure", "required": ["taskDefinition"], "members": {
      "taskDefinition": {"shape": "String"}, "cluster": {"shape": "String"}, "count": {"shape": "Integer"},
      "startedBy": {"shape": "String"}, "clientToken": {"shape": "String", "idempotencyToken": true}}},
    "RunTaskResponse": {"type": "structure", "members": {"tasks": {"shape": "Tasks"}, "failures": {"shape": "Failures"}}},
    "Tasks": {"type": "list", "member": {"shape": "Task"}},
    "Task": {"type": "structure", "members": {
      "taskArn": {"shape": "String"}, "clusterArn": {"shape": "String"}, "lastStatus": {"shape": "String"},
      "stopCode": {"shape": "String"}, "createdAt": {"shape": "Timestamp"}, "containers": {"shape": "Containers"}}},
    "Containers": {"type": "list", "member": {"shape": "Container"}},
    "Container": {"type": "structure", "members": {"name": {"shape": "String"}, "exitCode": {"shape": "Integer"}}},
    "Failures": {"type": "list", "member": {"shape": "Failure"}},
    "Failure": {"type": "structure", "members": {"arn": {"shape": "String"}, "reason": {"shape": "String"}}},
    "ClusterNotFoundException": {"type": "structure", "members": {}, "exception": true},
    "String": {"type": "string"}, "Integer": {"type": "integer"}, "Timestamp": {"type": "timestamp"}
  }}"#;

const GLUE: &str = r#"{
  "metadata": {"serviceId": "Glue", "serviceFullName": "AWS Glue", "apiVersion": "2017-03-31", "endpointPrefix": "glue",
    "signatureVersion": "v4", "protocol": "json"},
  "operations": {"StartJobRun": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "StartJobRunRequest"},
    "output": {"shape": "StartJobRunResponse"}, "errors": [{"shape": "ConcurrentRunsExceededException"}]}},
  "shapes": {
    "StartJobRunRequest": {"type": "structure", "required": ["JobName"], "members": {
      "JobName": {"shape": "String"}, "Arguments": {"shape": "Map"}, "Timeout": {"shape": "Integer"}}},
    "StartJobRunResponse": {"type": "structure", "members": {"JobRunId": {"shape": "String"}}},
    "JobRun": {"type": "structure", "members": {
      "Id": {"shape": "String"}, "JobName": {"shape": "String"}, "StartedOn": {"shape": "Timestamp"},
      "CompletedOn": {"shape": "Timestamp"}, "JobRunState": {"shape": "String"}, "Arguments": {"shape": "Map"},
      "Attempt": {"shape": "Integer"}, "MaxCapacity": {"shape": "Double"}, "PredecessorRuns": {"shape": "Strings"}}},
    "ConcurrentRunsExceededException": {"type": "structure", "members": {}, "exception": true},
    "Map": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "String"}},
    "Strings": {"type": "list", "member": {"shape": "String"}},
    "String": {"type": "string"}, "Integer": {"type": "integer"}, "Double": {"type": "double"}, "Timestamp": {"type": "timestamp"}
  }}"#;

const DYNAMODB: &str = r#"{
  "metadata": {"serviceId": "DynamoDB", "serviceFullName": "Amazon DynamoDB", "apiVersion": "2012-08-10",
    "endpointPrefix": "dynamodb", "signatureVersion": "v4", "protocol": "json"},
  "operations": {
    "PutItem": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Input"}, "output": {"shape": "Output"}},
    "GetItem": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Input"}, "output": {"shape": "Output"}},
    "UpdateItem": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Input"}, "output": {"shape": "Output"}},
    "DeleteItem": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Input"}, "output": {"shape": "Output"}}},
  "shapes": {
    "Input": {"type": "structure", "required": ["TableName"], "members": {"TableName": {"shape": "String"}, "Item": {"shape": "Item"}}},
    "Output": {"type": "structure", "members": {"Item": {"shape": "Item"}}},
    "Item": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "AttributeValue"}},
    "AttributeValue": {"type": "structure", "members": {
      "S": {"shape": "String"}, "N": {"shape": "String"}, "B": {"shape": "Blob"}, "M": {"shape": "Item"},
      "BOOL": {"shape": "Boolean"}, "NULL": {"shape": "Boolean"}}, "union": true},
    "ResourceNotFoundException": {"type": "structure", "members": {}, "exception": true},
    "String": {"type": "string"}, "Blob": {"type": "blob"}, "Boolean": {"type": "boolean"}
  }}"#;

pub(crate) fn integrations() -> Integrations {
    let models = [("batch", BATCH), ("ecs", ECS), ("glue", GLUE), ("dynamodb", DYNAMODB)];
    let models = models.map(|(name, text)| (name, Value::parse(text).unwrap()));
    Integrations::new(Arc::new(
        Catalog::from_models(models.iter().map(|(name, model)| (*name, model))).unwrap(),
    ))
}
