#!/usr/bin/env bash
# Copies to the chart what it shares with kustomize: CRDs, roles, dashboards and alert rules.
# config/ is the source; Helm reads nothing outside a chart.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
files=charts/reseller-issuer/files
rm -rf "$files"
copy() { # copy DIRECTORY FILE...
  local target=$files/$1
  shift
  mkdir -p "$target"
  for file in "$@"; do
    case $file in
      */kustomization.yaml | */namespace.yaml | */service_account.yaml | */rules_test.yaml | */prometheusrule.yaml) ;;
      *) cp "$file" "$target/" ;;
    esac
  done
}
copy crds config/crd/bases/*.yaml
copy rbac config/rbac/*.yaml
copy dashboards config/grafana/*.json
copy rules config/prometheus/*.yaml
find "$files" -type d -empty -delete
