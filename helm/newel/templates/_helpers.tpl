{{/* Names, labels, images and small things that every template uses. */}}

{{- define "newel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 37 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 37 characters, so that the longest suffix, and the hash that Kubernetes adds to a StatefulSet's name, still fit into a label. */}}
{{- define "newel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 37 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "newel.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 37 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 37 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The families in use, as {<family>: <workerDefaults with workers.<family> over them>}. */}}
{{- define "newel.workers" -}}
{{- $workers := dict -}}
{{- range $family, $own := .Values.workers -}}
{{- $worker := mergeOverwrite (deepCopy $.Values.workerDefaults) (deepCopy ($own | default dict)) -}}
{{- if $worker.enabled -}}
{{- $_ := set $workers $family $worker -}}
{{- end -}}
{{- end -}}
{{- toJson $workers -}}
{{- end -}}

{{/* From here on the argument is {root, component, …}; component is "orchestrator" or "worker-<family>". */}}

{{- define "newel.componentName" -}}
{{- printf "%s-%s" (include "newel.fullname" .root) .component -}}
{{- end -}}

{{- define "newel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "newel.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "newel.labels" -}}
{{- $own := dict
      "app.kubernetes.io/version" .root.Chart.AppVersion
      "app.kubernetes.io/managed-by" .root.Release.Service
      "app.kubernetes.io/part-of" "newel"
      "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- $selector := include "newel.selectorLabels" . | fromYaml -}}
{{- toYaml (merge dict $selector $own (deepCopy .root.Values.commonLabels)) -}}
{{- end -}}

{{- define "newel.metadata" -}}
name: {{ .name | default (include "newel.componentName" .) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "newel.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* {root, image}: registry/repository, with the digest if there is one and the tag if not. */}}
{{- define "newel.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .root.Values.image.registry -}}
{{- $repository := ternary (printf "%s/%s" (trimSuffix "/" $registry) .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* {root, component, spec} */}}
{{- define "newel.serviceAccountName" -}}
{{- .spec.serviceAccount.name | default (include "newel.componentName" .) -}}
{{- end -}}

{{- define "newel.accessKeysSecret" -}}
{{- .Values.auth.accessKeys.existingSecret | default (printf "%s-access-keys" (include "newel.fullname" .)) -}}
{{- end -}}

{{- define "newel.clientTokenSecret" -}}
{{- .Values.auth.clientToken.existingSecret | default (printf "%s-client-token" (include "newel.fullname" .)) -}}
{{- end -}}

{{/* {root, component, spec}: the secret with a family's token. */}}
{{- define "newel.workerTokenSecret" -}}
{{- .spec.token.existingSecret | default (printf "%s-token" (include "newel.componentName" .)) -}}
{{- end -}}

{{/* {root, secret, key, fresh}: what the installed secret has under the key, and fresh if it has nothing. */}}
{{- define "newel.kept" -}}
{{- $installed := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- $kept := index ($installed.data | default dict) .key -}}
{{- if $kept -}}{{- $kept | b64dec -}}{{- else -}}{{- .fresh -}}{{- end -}}
{{- end -}}

{{- define "newel.account" -}}
{{- dig "identity" "account" "000000000000" .Values.orchestrator.config -}}
{{- end -}}
