#!/usr/bin/env bash
# Runs a command as a named phase: says when it begins, gives a sign of life every minute
# while it is silent work such as compiling, and says how many seconds it took.
# usage: phase.sh "name" command [argument ...]
set -u
name=$1
shift
begin=$SECONDS
printf '==> %s\n' "$name"
(
  while sleep 60; do
    printf '    ... %s: %d s so far\n' "$name" "$((SECONDS - begin))"
  done
) 2>/dev/null &
pulse=$!
"$@"
status=$?
pkill -P "$pulse" 2>/dev/null
kill "$pulse" 2>/dev/null
wait "$pulse" 2>/dev/null
if [ "$status" -eq 0 ]; then
  printf '==> %s: done in %d s\n' "$name" "$((SECONDS - begin))"
else
  printf '==> %s: FAILED after %d s (exit code %d)\n' "$name" "$((SECONDS - begin))" "$status"
fi
exit "$status"
