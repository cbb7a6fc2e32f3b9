{{/* The configuration files: what the chart sets, over what the user may set. */}}

{{/* {config, owned, where}: fails if the user's config sets a key that only the chart can set rightly. */}}
{{- define "newel.refuseOwned" -}}
{{- range $section, $keys := .owned -}}
{{- range $key, $_ := $keys -}}
{{- if hasKey (index $.config $section | default dict) $key -}}
{{- fail (printf "newel: %s.%s.%s is set by the chart" $.where $section $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "newel.orchestratorConfig" -}}
{{- $owned := dict
      "http" (dict "listen" (printf "%s:8083" .Values.bindAddress))
      "grpc" (dict "listen" (printf "%s:8084" .Values.bindAddress))
      "store" (dict "path" "/var/lib/newel")
      "catalog" (dict "path" "/usr/share/newel/aws-catalog.bin")
      "auth" (dict
        "access_keys_file" "/etc/newel/credentials/access-keys.toml"
        "client_token_file" "/etc/newel/credentials/client-token"
        "worker_tokens_dir" "/etc/newel/credentials/worker-tokens") -}}
{{- if .Values.auth.encryptionKeys.existingSecret -}}
{{- $_ := set $owned "encryption" (dict "keys_file" "/etc/newel/credentials/encryption/keys.toml") -}}
{{- end -}}
{{- $config := .Values.orchestrator.config -}}
{{- include "newel.refuseOwned" (dict "config" $config "owned" $owned "where" "orchestrator.config") -}}
{{- if not (or (include "newel.workers" . | fromJson) .Values.auth.ownFamilies) -}}
{{- $_ := unset $owned.auth "worker_tokens_dir" -}}
{{- end -}}
{{- $defaults := dict "telemetry" (dict "log_format" "json") -}}
{{- include "newel.toml" (dict "path" list "table" (mergeOverwrite $defaults (deepCopy $config) $owned)) -}}
{{- end -}}

{{/* {root, component, spec} */}}
{{- define "newel.workerConfig" -}}
{{- $orchestrator := include "newel.componentName" (dict "root" .root "component" "orchestrator") -}}
{{- $port := int .root.Values.orchestrator.service.grpcPort -}}
{{- $owned := dict
      "catalog" (dict "path" "/usr/share/newel/aws-catalog.bin")
      "worker" (dict
        "orchestrators" (list (printf "http://%s.%s.svc:%d" $orchestrator .root.Release.Namespace $port))
        "token_file" "/etc/newel/credentials/token"
        "health_address" (printf "%s:8085" .root.Values.bindAddress)) -}}
{{- $where := printf "workers.%s.config" (trimPrefix "worker-" .component) -}}
{{- include "newel.refuseOwned" (dict "config" .spec.config "owned" $owned "where" $where) -}}
{{- $defaults := dict "telemetry" (dict "log_format" "json") -}}
{{- include "newel.toml" (dict "path" list "table" (mergeOverwrite $defaults (deepCopy .spec.config) $owned)) -}}
{{- end -}}
