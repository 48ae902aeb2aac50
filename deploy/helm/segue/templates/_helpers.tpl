{{- define "segue.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What finds the pods of one component: never changes over the life of a release. Argument: (list $ "gateway"). */}}
{{- define "segue.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "segue.labels" -}}
{{- $root := index . 0 -}}
{{ include "segue.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Pod security of both components; they differ in the user alone. Argument: the user id. */}}
{{- define "segue.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "segue.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where pods run. Argument: (list $ "gateway" .Values.gateway). */}}
{{- define "segue.placement" -}}
{{- $values := index . 2 -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "segue.selector" $ | nindent 8 }}
  {{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Annotations by which a Prometheus without the operator finds a pod. Argument: (list $ port podAnnotations). */}}
{{- define "segue.podAnnotations" -}}
{{- $annotations := deepCopy (index . 2) -}}
{{- if eq (index . 0).Values.metrics.scrape "annotations" -}}
{{- $annotations = merge $annotations (dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString (index . 1)) "prometheus.io/path" "/metrics") -}}
{{- end -}}
{{- with $annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* HOST:PORT of the Triton that the gateways call. */}}
{{- define "segue.triton" -}}
{{- if .Values.modelServer.enabled -}}
{{ include "segue.fullname" . }}-model-server:8001
{{- else -}}
{{ required "gateway.triton must name your Triton (HOST:PORT) when modelServer.enabled is false" .Values.gateway.triton }}
{{- end -}}
{{- end -}}

{{- define "segue.dnsEgress" -}}
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
{{- end -}}

{{/*
Ready: an algorithm serves and the gateway is not draining. Live: the process answers, whatever its Triton does.
The kubelet's gRPC probes speak no TLS, so health has a port of its own.
*/}}
{{- define "segue.gatewayProbes" -}}
readinessProbe:
  grpc: { port: 8702, service: "" }
  periodSeconds: 2
  timeoutSeconds: 2
livenessProbe:
  grpc: { port: 8702, service: segue.v1.CatalogService }
  initialDelaySeconds: 10
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}
