{{/* The server's container in all shapes, without its listener's port. `.socket`: where it listens
as a sidecar. */}}
{{- define "kvsift.server" -}}
{{- $sidecar := eq .Values.shape "sidecar" -}}
name: kvsift
image: {{ include "kvsift.image" . }}
{{- if ne .Values.image.pullPolicy "IfNotPresent" }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}
args:
  - --config=/etc/kvsift/kvsift.conf
  - --listen={{ ternary "unix:/run/kvsift/kvsift.sock" "0.0.0.0:7600" $sidecar }}
  - --memory={{ .Values.server.memory }}
  {{- with .Values.server.threads }}
  - --threads={{ . }}
  {{- end }}
  {{- with .Values.server.maxQueuedBytes }}
  - --max-queued-bytes={{ . }}
  {{- end }}
  {{- if ne .Values.gpu "none" }}
  - --backend=cuda
  {{- end }}
ports:
  {{- if not $sidecar }}
  - name: grpc
    containerPort: 7600
  {{- end }}
  - name: {{ ternary "kvsift-metrics" "metrics" $sidecar }}
    containerPort: 7601
  - name: {{ ternary "kvsift-health" "health" $sidecar }}
    containerPort: 7602
startupProbe:
  grpc:
    port: 7602
  periodSeconds: 1
  failureThreshold: 120
readinessProbe:
  grpc:
    port: 7602
  {{- if $sidecar }}
  periodSeconds: 5
  {{- else }}
  periodSeconds: 2
  failureThreshold: 2
  {{- end }}
livenessProbe:
  grpc:
    port: 7602
    service: liveness
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
resources:
  {{- $resources := deepCopy .Values.server.resources }}
  {{- if eq .Values.gpu "own" }}
  {{- $resources = mergeOverwrite $resources (dict "limits" (dict "nvidia.com/gpu" "1")) }}
  {{- else if eq .Values.gpu "shared" }}
  {{- $resources = mergeOverwrite $resources (dict "claims" (list (dict "name" "gpu"))) }}
  {{- end }}
  {{- toYaml $resources | nindent 2 }}
securityContext:
  {{- include "kvsift.containerSecurity" . | nindent 2 }}
volumeMounts:
  - name: kvsift-config
    mountPath: /etc/kvsift
    readOnly: true
  {{- if $sidecar }}
  - name: kvsift-socket
    mountPath: /run/kvsift
  {{- end }}
{{- end }}
