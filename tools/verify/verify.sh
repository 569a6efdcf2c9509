#!/usr/bin/env bash
# Fails if `make generate` would change a file, or `go mod tidy` one of the modules with our
# own code. The generators run on a copy, so that the working tree stays as it is.
set -euo pipefail
top=$(git rev-parse --show-toplevel)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$top"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --create --null --files-from=- | tar --extract --directory="$copy"
make --no-print-directory -C "$copy" generate
stale=0
while IFS= read -r -d '' file; do
  if ! cmp -s "$copy/$file" "$file"; then
    echo "stale: $file"
    diff -u "$file" "$copy/$file" | head -n 20 || true
    stale=1
  fi
done < <(cd "$copy" && find . -type f -printf '%P\0')
while IFS= read -r -d '' file; do
  if [ -e "$file" ] && [ ! -e "$copy/$file" ]; then
    echo "stale: $file has no source any more"
    stale=1
  fi
done < <(git ls-files -z)
for module in . e2e cmd/dcv-hook-libdns; do
  if ! (cd "$module" && go mod tidy -diff); then
    echo "stale: $module/go.mod"
    stale=1
  fi
done
if [ "$stale" -ne 0 ]; then
  echo "run 'make generate', and 'go mod tidy' in the modules named, and commit the result" >&2
  exit 1
fi
echo "generated files and go.mod files are up to date"
