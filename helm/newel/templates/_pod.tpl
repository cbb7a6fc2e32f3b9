{{/*
The pod of every component:
{root, component, spec, config, ports: {name: number}, healthPort, readyService, mounts: [...], volumes: [...]}.
spec is .Values.orchestrator or a merged worker; config is the text of the configuration file.
*/}}
{{- define "newel.podTemplate" -}}
{{- $root := .root -}}
{{- $spec := .spec -}}
{{- $selector := include "newel.selectorLabels" . | fromYaml -}}
metadata:
  labels:
    {{- /* Without the chart's version, which would restart everything at each release of the chart. */}}
    {{- toYaml (merge (deepCopy $selector) (deepCopy $root.Values.commonLabels) (deepCopy $spec.podLabels)) | nindent 4 }}
  annotations:
    {{- toYaml (merge (dict "checksum/config" (sha256sum .config)) (deepCopy $spec.podAnnotations)) | nindent 4 }}
spec:
  serviceAccountName: {{ include "newel.serviceAccountName" . }}
  # Nothing here talks to the Kubernetes API; tokens for AWS are projected by their own webhooks.
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int $spec.terminationGracePeriodSeconds }}
  {{- with $root.Values.global.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $spec.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $spec.podSecurityContext | nindent 4 }}
  containers:
    - name: {{ ternary "orchestrator" "worker" (eq .component "orchestrator") }}
      image: {{ include "newel.image" (dict "root" $root "image" $spec.image) | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [--config, /etc/newel/config/newel.toml]
      {{- $own := list }}
      {{- if ne .component "orchestrator" }}
      {{- /* Programs of one family don't ask. */}}
      {{- $own = list (dict "name" "NEWEL_FAMILY" "value" (trimPrefix "worker-" .component)) }}
      {{- end }}
      {{- with concat $own $spec.env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $spec.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- range $name, $port := .ports }}
        - name: {{ $name }}
          containerPort: {{ $port }}
          protocol: TCP
        {{- end }}
      {{- include "newel.probes" . | nindent 6 }}
      resources:
        {{- toYaml $spec.resources | nindent 8 }}
      securityContext:
        {{- toYaml $spec.securityContext | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/newel/config
          readOnly: true
        - name: credentials
          mountPath: /etc/newel/credentials
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- with concat (.mounts | default list) $spec.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "newel.componentName" . }}
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    {{- with concat .volumes $spec.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $spec.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $spec.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $spec.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $spec.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml (merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" $selector))) | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Health service "" is the process; readyService is serving while it can do its work. */}}
{{- define "newel.probes" -}}
{{- $alive := dict "port" .healthPort -}}
{{- $ready := dict "port" .healthPort "service" .readyService -}}
{{- $probes := .spec.probes -}}
startupProbe:
  {{- toYaml (merge (dict "grpc" $alive) (deepCopy $probes.startup)) | nindent 2 }}
livenessProbe:
  {{- toYaml (merge (dict "grpc" $alive) (deepCopy $probes.liveness)) | nindent 2 }}
readinessProbe:
  {{- toYaml (merge (dict "grpc" $ready) (deepCopy $probes.readiness)) | nindent 2 }}
{{- end -}}
