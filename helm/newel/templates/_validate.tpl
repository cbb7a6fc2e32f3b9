{{/* What the schema can't say, each with the way out. Included once, by the orchestrator's StatefulSet. */}}
{{- define "newel.validate" -}}
{{- $persistence := .Values.orchestrator.persistence -}}
{{- if and $persistence.existingClaim (not $persistence.enabled) -}}
{{- fail "newel: orchestrator.persistence.existingClaim is given but orchestrator.persistence.enabled is false: enable it or drop the claim" -}}
{{- end -}}
{{- range $family, $secret := .Values.auth.ownFamilies -}}
{{- if hasKey $.Values.workers $family -}}
{{- fail (printf "newel: auth.ownFamilies.%s is a family of this chart's: give workers of your own another name" $family) -}}
{{- end -}}
{{- end -}}
{{- $accounts := dict -}}
{{- $components := dict "orchestrator" .Values.orchestrator -}}
{{- range $family, $worker := include "newel.workers" . | fromJson -}}
{{- $_ := set $components (printf "worker-%s" $family) $worker -}}
{{- $drain := dig "worker" "drain_seconds" 20 $worker.config -}}
{{- if le (float64 $worker.terminationGracePeriodSeconds) (float64 $drain) -}}
{{- fail (printf "newel: workers.%s.terminationGracePeriodSeconds (%v) must be more than its drain_seconds (%v), or the pod is killed while it drains" $family $worker.terminationGracePeriodSeconds $drain) -}}
{{- end -}}
{{- end -}}
{{- range $component, $spec := $components -}}
{{- $account := $spec.serviceAccount -}}
{{- if and (not $account.create) (not $account.name) -}}
{{- fail (printf "newel: %s: serviceAccount.create is false and serviceAccount.name is empty: name the account that it shall use" $component) -}}
{{- end -}}
{{- if $account.create -}}
{{- $name := include "newel.serviceAccountName" (dict "root" $ "component" $component "spec" $spec) -}}
{{- with index $accounts $name -}}
{{- fail (printf "newel: %s and %s would both create service account %s: give them names of their own, so that each has only its own rights" . $component $name) -}}
{{- end -}}
{{- $_ := set $accounts $name $component -}}
{{- end -}}
{{- end -}}
{{- end -}}
