#!/usr/bin/env bash
# Instructions that the hot path takes, counted by valgrind: a number that no busy machine changes. Compares with instructions.txt.
#
#   tests/bench/instructions.sh PROGRAM LOGS [--write]
#
# PROGRAM is a built turnaway, LOGS the folder with the logs of `cargo bench --bench suite -- --smoke` (any profile). The numbers are kept
# for each kind of build; a compiler of another version may need new ones (--write).
set -euo pipefail
program=$1 logs=$2 write=${3:-}
numbers=$(dirname "$0")/instructions.txt
tolerance=10 # per cent
build=$(basename "$(dirname "$program")")
command -v valgrind >/dev/null || { echo "instructions: left out, valgrind is not installed"; exit 0; }
failed=0
for kind in mosquitto docker emqx-json flood; do
  size=4194304; [ $kind = flood ] && size=2000
  log=$(ls -t "$logs/$kind-$size"-*.log | head -1)
  grammar=mosquitto; [ $kind = emqx-json ] && grammar=emqx
  # What the start costs (arguments, grammars) is not the hot path: an empty log is taken off.
  count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" replay --grammar $grammar --format ndjson "$1" 2>&1 >/dev/null |
      sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
  }
  bytes=$(stat -c %s "$log")
  per=$(awk -v all="$(count "$log")" -v start="$(count /dev/null)" -v bytes="$bytes" 'BEGIN { printf "%.3f", (all - start) / bytes }')
  known=$(awk -v build="$build" -v kind=$kind '$1 == build && $2 == kind { print $3 }' "$numbers" 2>/dev/null || true)
  if [ "$write" = --write ]; then
    touch "$numbers"
    awk -v build="$build" -v kind=$kind '!($1 == build && $2 == kind)' "$numbers" >"$numbers.new"
    printf '%s %s %s\n' "$build" $kind "$per" >>"$numbers.new"
    sort "$numbers.new" >"$numbers"; rm "$numbers.new"
    echo "$build $kind: $per instructions for each byte"
  elif [ -z "$known" ]; then
    echo "$build $kind: $per instructions for each byte; no number is kept for this build"
  else
    verdict=$(awk -v now="$per" -v known="$known" -v tolerance=$tolerance 'BEGIN {
      change = (now / known - 1) * 100
      word = ""
      if (change > tolerance) word = "SLOWER"
      if (change < -tolerance) word = "faster: keep the new number with --write"
      printf "%+.1f %% %s", change, word }')
    echo "$build $kind: $per instructions for each byte, $known kept: $verdict"
    case $verdict in *SLOWER*) failed=1 ;; esac
  fi
done
exit $failed
