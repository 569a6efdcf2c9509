{{/*
The flags of the controller. Each key of .Values.config is the name of a flag in camel case,
so a new flag needs nothing here. What has no value is left out: the flag's own default holds.
*/}}
{{- define "reseller-issuer.args" -}}
{{- $config := deepCopy .Values.config }}
{{- if .Values.sandbox.enabled }}
{{- if not (has "*" $config.allowedEndpoints) }}
{{- $_ := set $config "allowedEndpoints" (append $config.allowedEndpoints (include "reseller-issuer.sandboxURL" .)) }}
{{- end }}
{{- $_ := set $config "caBundle" (append $config.caBundle "/etc/reseller-issuer/sandbox/ca.crt") }}
{{- end }}
{{- if or .Values.caBundle.configMap .Values.caBundle.secret }}
{{- $_ := set $config "caBundle" (append $config.caBundle (printf "/etc/reseller-issuer/ca/%s" .Values.caBundle.key)) }}
{{- end }}
{{- if and (include "reseller-issuer.port" $config.httpFileBindAddress) (not $config.httpFileService) }}
{{- $_ := set $config "httpFileService" (printf "%s-files:80" (include "reseller-issuer.fullname" .)) }}
{{- end }}
{{- $_ := set $config "secretWatch" (include "reseller-issuer.secretWatch" .) }}
{{- range $key, $value := $config }}
{{- $flag := regexReplaceAll "([A-Z])" $key "-${1}" | lower }}
{{- if kindIs "slice" $value }}
{{- if $value }}
- {{ printf "--%s=%s" $flag (join "," $value) | quote }}
{{- end }}
{{- else if kindIs "float64" $value }}
- {{ printf "--%s=%s" $flag (ternary (printf "%.0f" $value) (printf "%v" $value) (eq (floor $value) $value)) | quote }}
{{- else if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- {{ printf "--%s=%v" $flag $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Without the right to watch all Secrets, they are only read. */}}
{{- define "reseller-issuer.secretWatch" -}}
{{- default (ternary "Off" "" (gt (len .Values.rbac.secretNamespaces) 0)) .Values.config.secretWatch }}
{{- end }}

{{/* The port of an address such as ":8080"; empty for "0", which means none. */}}
{{- define "reseller-issuer.port" -}}
{{- $address := toString (default "0" .) }}
{{- if ne $address "0" }}{{ splitList ":" $address | last }}{{ end }}
{{- end }}

{{- define "reseller-issuer.check" -}}
{{- if and (gt (int .Values.replicaCount) 1) (eq (toString .Values.config.leaderElect) "false") }}
{{- fail "config.leaderElect: it must not be false with more than one replica: both could buy" }}
{{- end }}
{{- if and .Values.caBundle.configMap .Values.caBundle.secret }}
{{- fail "caBundle: set configMap or secret, not both" }}
{{- end }}
{{- if and .Values.rbac.secretNamespaces (eq (toString .Values.config.secretWatch) "All") (not .Values.config.namespaces) }}
{{- fail "config.secretWatch: All needs the right to watch all Secrets; leave it empty where rbac.secretNamespaces limits it" }}
{{- end }}
{{- if and .Values.config.namespaces .Values.rbac.secretNamespaces }}
{{- fail "rbac.secretNamespaces: config.namespaces limits the Secrets already; set one of them" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not (include "reseller-issuer.port" .Values.config.metricsBindAddress)) }}
{{- fail "metrics.serviceMonitor.enabled: config.metricsBindAddress is 0, so there are no metrics" }}
{{- end }}
{{- if and .Values.podDisruptionBudget.enabled .Values.podDisruptionBudget.minAvailable .Values.podDisruptionBudget.maxUnavailable }}
{{- fail "podDisruptionBudget: set minAvailable or maxUnavailable, not both" }}
{{- end }}
{{- end }}
