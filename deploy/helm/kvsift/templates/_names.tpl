{{/* Names and pieces that several objects share. */}}

{{- define "kvsift.image" -}}
{{- $suffix := ternary "" "-cuda" (eq .Values.gpu "none") -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (printf "%s%s" .Chart.AppVersion $suffix) }}
{{- end }}

{{/* Labels of the pool's objects; a selector knows no others. */}}
{{- define "kvsift.poolLabels" -}}
app.kubernetes.io/name: kvsift
app.kubernetes.io/component: pool
{{- end }}

{{- define "kvsift.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "kvsift.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What the pod's template says of the settings, so that another one rolls pods over. */}}
{{- define "kvsift.settingsSum" -}}
checksum/settings: {{ include (print $.Template.BasePath "/settings.yaml") . | sha256sum }}
{{- end }}

{{- define "kvsift.tolerations" -}}
tolerations:
  - key: nvidia.com/gpu
    operator: Exists
    effect: NoSchedule
{{- end }}
