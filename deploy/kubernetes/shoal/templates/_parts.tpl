{{/* Names and parts that every workload shares. */}}
{{- define "shoal.labels" -}}
app.kubernetes.io/name: shoal
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}
{{- define "shoal.selector" -}}
app.kubernetes.io/name: shoal
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- define "shoal.image" -}}
{{- $digest := index .root.Values.image.digests .image -}}
{{- if and $digest (not .tag) -}}
{{ .root.Values.image.registry }}/{{ .image }}@{{ $digest }}
{{- else -}}
{{ .root.Values.image.registry }}/{{ .image }}:{{ .tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- define "shoal.pod" -}}
automountServiceAccountToken: false
serviceAccountName: {{ .serviceAccount | default .root.Release.Name }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: {{ include "shoal.selector" . | fromYaml | toJson }} }
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector: { matchLabels: {{ include "shoal.selector" . | fromYaml | toJson }} }
{{- end }}
{{- define "shoal.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  capabilities: { drop: [ALL] }
{{- end }}
{{- define "shoal.environment" -}}
- { name: SHOAL_SECRETS_DIR, value: /etc/shoal/secrets }
- { name: SHOAL_STORAGE_DIR, value: /var/lib/shoal/storage }
- { name: SHOAL_PUBLIC_URL, value: {{ .Values.publicUrl | quote }} }
- { name: SHOAL_RETENTION_RAW_DAYS, value: {{ .Values.retention.rawDays | quote }} }
{{- range $name, $value := .Values.extraEnvironment }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}
{{- define "shoal.mounts" -}}
- { name: secrets, mountPath: /etc/shoal/secrets, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- end }}
{{- define "shoal.volumes" -}}
- { name: secrets, secret: { secretName: {{ .Values.secretName }}, defaultMode: 0440 } }
- { name: tmp, emptyDir: { sizeLimit: 256Mi } }
{{- end }}
{{- define "shoal.storage" -}}
- name: storage
  persistentVolumeClaim: { claimName: {{ .Values.storage.existingClaim | default (printf "%s-storage" .Release.Name) }} }
{{- end }}
{{/* How models are trained again: for whoever shows runs and for whoever starts them. */}}
{{- define "shoal.training" -}}
{{- with .Values.training }}{{- if .enabled }}
- { name: SHOAL_TRAINING_LAUNCHER, value: kubernetes }
- { name: SHOAL_TRAINING_IMAGE, value: {{ include "shoal.image" (dict "root" $ "image" "train" "tag" "") | quote }} }
- { name: SHOAL_TRAINING_CLAIM, value: {{ $.Values.storage.existingClaim | default (printf "%s-storage" $.Release.Name) }} }
- { name: SHOAL_TRAINING_NAMESPACE, value: {{ $.Release.Namespace }} }
- { name: SHOAL_TRAINING_INSTANCE, value: {{ $.Release.Name }} }
- { name: SHOAL_TRAINING_GPUS, value: {{ .gpus | quote }} }
{{- with $.Values.image.pullSecrets }}{{- $names := list }}{{- range . }}{{ $names = append $names .name }}{{ end }}
- { name: SHOAL_TRAINING_PULL_SECRETS, value: {{ $names | toJson | quote }} }
{{- end }}
- { name: SHOAL_TRAINING_RECIPES, value: {{ .recipes | toJson | quote }} }
{{- end }}{{- end }}
{{- end }}
