{{- define "reseller-issuer.ownCA" -}}
{{- if or .Values.caBundle.configMap .Values.caBundle.secret }}yes{{ end }}
{{- end }}

{{- define "reseller-issuer.mounts" -}}
{{- if or (include "reseller-issuer.ownCA" .) .Values.sandbox.enabled .Values.extraVolumeMounts }}
volumeMounts:
  {{- if include "reseller-issuer.ownCA" . }}
  - name: ca
    mountPath: /etc/reseller-issuer/ca
    readOnly: true
  {{- end }}
  {{- if .Values.sandbox.enabled }}
  - name: sandbox-ca
    mountPath: /etc/reseller-issuer/sandbox
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "reseller-issuer.volumes" -}}
{{- if or (include "reseller-issuer.ownCA" .) .Values.sandbox.enabled .Values.extraVolumes }}
volumes:
  {{- if include "reseller-issuer.ownCA" . }}
  - name: ca
    {{- if .Values.caBundle.configMap }}
    configMap:
      name: {{ .Values.caBundle.configMap }}
    {{- else }}
    secret:
      secretName: {{ .Values.caBundle.secret }}
    {{- end }}
      items:
        - key: {{ .Values.caBundle.key }}
          path: {{ .Values.caBundle.key }}
  {{- end }}
  {{- if .Values.sandbox.enabled }}
  - name: sandbox-ca
    secret:
      secretName: {{ include "reseller-issuer.sandboxTLSSecret" . }}
      # The key stays with the sandbox.
      items:
        - key: ca.crt
          path: ca.crt
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
