#!/usr/bin/env bash
# The functions that a start and a daemon at rest run, and whether build/order.txt, by which the linker lays them side by side, names them.
#
#   tests/bench/order.sh PROGRAM             how many of the list's names a built turnaway has, and how close together they lie
#   tests/bench/order.sh PROGRAM --write     makes the list anew: valgrind tells which functions run (about three minutes)
#
# PROGRAM is the release build (`cargo build --release`) with its symbols: with other settings other functions are inlined. The list is only
# about memory: with a stale one the daemon takes more of it, and does the same.
set -euo pipefail
program=$(realpath "$1") write=${2:-}
cd "$(dirname "$0")/../.."
list=build/order.txt
work=$(mktemp -d)
pids=()
end() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap end EXIT

# Address, size, pattern and name of each function. A pattern is a name with stars for what another compiler or release changes: the hash at
# the end of it, and those of the standard library's crates.
nm -S --defined-only "$program" | gawk '$3 ~ /^[tTwW]$/ {
  pattern = $4
  sub(/17h[0-9a-f]{16}E(\.[0-9]+|\.llvm\.[0-9]+)?$/, "17h*E*", pattern)
  gsub(/Cs[0-9A-Za-z]{8,13}_/, "Cs*_", pattern)
  print $1, $2, pattern, $4 }' >"$work/functions"
[ -s "$work/functions" ] || { echo "order: $program has no symbols" >&2; exit 2; }

if [ "$write" != --write ]; then
  gawk '
    FNR == NR { if (/^[^#]/) { listed[$1]; names++ } next }
    { all += strtonum("0x" $2) }
    $3 in listed {
      at = strtonum("0x" $1); size = strtonum("0x" $2); sum += size
      if (!($3 in found)) { found[$3]; count++ }
      if (!low || at < low) low = at
      if (at + size > high) high = at + size
    }
    END {
      printf "%s: %d of %d names are in the program; these functions take %.1f MiB, and lie in %.1f of the %.1f MiB of its code\n",
        "build/order.txt", count, names, sum / 2^20, (high - low) / 2^20, all / 2^20
      if (count * 2 < names) { print "order: the list is stale; make it anew (CONTRIBUTING.md)"; exit 1 }
    }' "$list" "$work/functions"
  exit
fi

# The names of the functions of PROGRAM that ran, from what callgrind wrote.
ran() {
  gawk -v program="$program" '
    function named(text, into,   id) {
      id = text; sub(/ .*/, "", id)
      if (index(text, " ")) { sub(/^[^ ]* /, "", text); into[id] = text }
      return id
    }
    /^c?ob=/ { call = /^c/; sub(/^c?ob=/, ""); id = named($0, objects); if (!call) ours = objects[id] == program; next }
    /^c?fn=/ { call = /^c/; sub(/^c?fn=/, ""); id = named($0, functions); if (!call) now = id; next }
    ours && /^(0x|[+*-])/ { seen[now] }
    END { for (id in seen) { name = functions[id]; sub(/\047[0-9]+$/, "", name); print name } }' "$@"
}

# A daemon with these logs, `PATH` or `GRAMMAR=PATH`, in valgrind: at rest, then asked, then told of more, then ended.
daemon() {
  local name=$1 url pid arguments=() n=0 log copy dir=$work/$1
  shift
  mkdir "$dir"
  for log in "$@"; do
    copy=$dir/$((n += 1)).log
    cp "${log#*=}" "$copy"
    case $log in *=*) arguments+=(--log "${log%%=*}=$copy") ;; *) arguments+=(--log "$copy") ;; esac
  done
  valgrind --tool=callgrind --dump-instr=yes --demangle=no --callgrind-out-file="$work/$name.out" \
    "$program" run "${arguments[@]}" --db "$dir/t.db" --listen 127.0.0.1:0 >"$dir/out" 2>"$dir/err" &
  pid=$!
  pids+=("$pid")
  until url=$(grep -o 'http://[0-9.:]*' "$dir/out") && curl -sf -H 'Connection: close' "$url/readyz" >/dev/null; do
    kill -0 "$pid" 2>/dev/null || { cat "$dir/err" >&2; exit 2; }
    sleep 0.2
  done
  # At rest everything is looked at every fifteen seconds.
  sleep 20
  callgrind_control --dump "$pid" >/dev/null
  until [ -s "$work/$name.out.1" ]; do sleep 0.2; done
  for path in / /page.js /page.css /healthz /metrics /api/reasons /api/sources /api/unauthorized/client/summary /nowhere \
    '/api/unauthorized/client?pageSize=20&page=0' '/api/unauthorized/client/v2?pageSize=20&page=0&textSearch=a' \
    '/api/unauthorized/client?clientId=nobody'; do
    curl -s --compressed "$url$path" >/dev/null
    curl -s -H 'Connection: close' "$url$path" >/dev/null
  done
  cat "${1#*=}" >>"$dir/1.log"
  sleep 3
  kill -HUP "$pid"
  sleep 5
  kill "$pid"
  wait "$pid" || true
  ran "$work/$name.out.1" >"$work/$name.rest"
  ran "$work/$name.out" >"$work/$name.more"
}

# Twenty logs of one broker, with its grammar and without, and logs of all products.
twenty() { find fixtures/mosquitto/2* -name '*.log' | sort | gawk -v before="$1" '{ print before $0 }' | head -20; }
mapfile -t named < <(twenty mosquitto=)
mapfile -t recognised < <(twenty '')
mapfile -t mixed < <(for product in fixtures/*/; do find "$product" -name '*.log' | sort | head -2; done)
daemon named "${named[@]}"
daemon recognised "${recognised[@]}"
daemon mixed "${mixed[@]}"
# valgrind's processor lacks what is used where it is there.
gawk '{ print $4 }' "$work/functions" | grep -E 'sha256.*(x86_sha8compress|shani)' >>"$work/named.rest" || true

# First what always runs, then what products and people ask for. All instances of a generic function have one pattern: one that would bring
# in more code that does not run than the piece around each of those that do is left out.
{
  cat <<'HEAD'
# The functions that a start and a daemon at rest run, in the order in which the linker lays them side by side (build/order.rs says why).
# One pattern a line: what always runs, what the logs of some products need, what the page, the API, refusals and a reload do.
# Made by tests/bench/order.sh, as CONTRIBUTING.md says. A stale list costs memory, nothing else.
HEAD
  for group in '{named,recognised}.rest' mixed.rest '{named,recognised,mixed}.more'; do
    eval "cat $work/$group" | sort -u >"$work/group"
    gawk -v window=65536 -v done="$work/done" '
      BEGIN { while ((getline line <done) > 0) known[line] }
      FNR == NR { runs[$1]; next }
      { size = strtonum("0x" $2); all[$3] += size }
      $4 in runs { used[$3] += size; count[$3]++ }
      END { for (pattern in used) if (!(pattern in known) && all[pattern] - used[pattern] < window * count[pattern]) print pattern }' \
      "$work/group" "$work/functions" | LC_ALL=C sort >"$work/new"
    cat "$work/new" >>"$work/done"
    cat "$work/new"
  done
} >"$work/list"
mv "$work/list" "$list"
"$0" "$program"
