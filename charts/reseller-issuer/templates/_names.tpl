{{- define "reseller-issuer.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* All objects are named after it. Some names get up to 22 characters more. */}}
{{- define "reseller-issuer.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := include "reseller-issuer.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "reseller-issuer.sandboxName" -}}
{{- printf "%s-sandbox" (include "reseller-issuer.fullname" .) }}
{{- end }}

{{- define "reseller-issuer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "reseller-issuer.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: it must be set where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "reseller-issuer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "reseller-issuer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "reseller-issuer.sandboxSelectorLabels" -}}
app.kubernetes.io/name: {{ include "reseller-issuer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: sandbox
{{- end }}

{{/* Those of every object, without name, instance and component. */}}
{{- define "reseller-issuer.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: reseller-issuer
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "reseller-issuer.labels" -}}
{{ include "reseller-issuer.selectorLabels" . }}
{{ include "reseller-issuer.commonLabels" . }}
{{- end }}

{{/* Whoever sees an object of the sandbox is told what it is. */}}
{{- define "reseller-issuer.sandboxLabels" -}}
{{ include "reseller-issuer.sandboxSelectorLabels" . }}
{{ include "reseller-issuer.commonLabels" . }}
reseller-issuer.io/sandbox: not-a-live-account
{{- end }}

{{/* The image of a component: (dict "image" .Values.image "root" .) */}}
{{- define "reseller-issuer.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end }}
{{- end }}

{{/* The namespace of the Secrets of cluster issuers. */}}
{{- define "reseller-issuer.clusterResourceNamespace" -}}
{{- default .Release.Namespace .Values.config.clusterResourceNamespace }}
{{- end }}

{{- define "reseller-issuer.sandboxHost" -}}
{{ include "reseller-issuer.sandboxName" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "reseller-issuer.sandboxURL" -}}
https://{{ include "reseller-issuer.sandboxHost" . }}:8443/cyberssl/v1
{{- end }}

{{- define "reseller-issuer.sandboxTLSSecret" -}}
{{- default (printf "%s-tls" (include "reseller-issuer.sandboxName" .)) .Values.sandbox.tlsSecret }}
{{- end }}
