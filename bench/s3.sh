#!/usr/bin/env bash
# ./dev bench s3 [--seconds N] [--rounds N] [--dir DIR]: durable 4 KiB PUTs and 4 KiB GETs at 16 connections, ours and
# MinIO's in turn, each alone on the same disk, plain HTTP on loopback for both. Prints rates, latencies, server CPU a
# request, the syncs each really made, and the ratios. MinIO is found in PATH or in $PEERS; without it ours runs alone.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10 rounds=3 base=""
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds="$2"; shift 2 ;;
    --rounds) rounds="$2"; shift 2 ;;
    --dir) base="$2"; shift 2 ;;
    *) echo "bench s3: no option $1 (--seconds N, --rounds N, --dir DIR)" >&2; exit 2 ;;
  esac
done

bench="${S3_BENCH:-build/release/bench/s3_bench}"
ours="${DEMILUNE:-build/demilune}"
minio="$(PATH="${PEERS:+$PEERS:}$PATH" command -v minio || true)"
[ -x "$bench" ] || { echo "bench s3: no $bench; run ./dev build release" >&2; exit 1; }
[ -x "$ours" ] || { echo "bench s3: no $ours; run ./dev build release" >&2; exit 1; }
if [ -z "$minio" ]; then
  echo "bench s3: no MinIO in PATH or \$PEERS: ours runs alone. To compare (Go 1.25 or newer):" >&2
  echo "  GOBIN=DIR go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c; PEERS=DIR ./dev bench s3" >&2
fi

work="$(mktemp -d "${base:-${TMPDIR:-/tmp}}/s3-bench-XXXXXX")"
pid=""
stop_server() {
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  pid=""
}
trap 'stop_server; rm -rf "$work"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start_server() {  # NAME: sets pid, address, credentials; the server's data stays in $work/NAME
  local name="$1" i
  address="127.0.0.1:$(free_port)"
  credentials="$work/$name.credentials"
  if [ "$name" = demilune ]; then
    local admin_key=()
    [ -f "$credentials" ] || admin_key=(--admin-key-file "$credentials")
    "$ours" up --data-dir "$work/$name" --listen-data 127.0.0.1:0 --listen-admin 127.0.0.1:0 \
      --listen-link 127.0.0.1:0 --insecure-http "$address" "${admin_key[@]}" 2>"$work/$name.log" >&2 &
  else
    printf '[default]\naws_access_key_id = benchuser0\naws_secret_access_key = benchsecret0123\n' >"$credentials"
    MINIO_ROOT_USER=benchuser0 MINIO_ROOT_PASSWORD=benchsecret0123 "$minio" server --quiet --address "$address" \
      --console-address 127.0.0.1:0 "$work/$name" 2>"$work/$name.log" >&2 &
  fi
  pid=$!
  for i in $(seq 600); do  # up to a minute
    kill -0 "$pid" 2>/dev/null || { echo "bench s3: $name ended:" >&2; tail -5 "$work/$name.log" >&2; exit 1; }
    if [ "$name" = demilune ]; then grep -q '^ready ' "$work/$name.log" && return; else
      curl -sf "http://$address/minio/health/ready" >/dev/null && return; fi
    sleep 0.1
  done
  echo "bench s3: $name was not ready within a minute" >&2; exit 1
}

measure() {  # OP [OPTIONS]: one line of JSON
  local op="$1"; shift
  "$bench" --op "$op" --address "$address" --credentials "$credentials" --bucket bench --pid "$pid" "$@"
}

count_syncs() {  # NAME: syncs a PUT, by strace, in a short run of its own
  local name="$1" json
  command -v strace >/dev/null || { echo "?"; return; }
  strace -f -qq -e trace=fsync,fdatasync,sync_file_range,msync,openat -o "$work/strace.$name" -p "$pid" &
  local tracer=$! i
  for i in $(seq 100); do grep -q TracerPid:.[1-9] "/proc/$pid/status" && break; sleep 0.05; done
  json="$(measure put --run traced --seconds 2 --warm-up 0)"
  kill -INT "$tracer" 2>/dev/null || true
  wait "$tracer" 2>/dev/null || true
  python3 - "$work/strace.$name" "$json" <<'P'
import json, re, sys
text = open(sys.argv[1], errors="replace").read()
requests = max(1, json.loads(sys.argv[2])["requests"])
syncs = len(re.findall(r"\b(?:fsync|fdatasync|msync|sync_file_range)\(", text))
dsync = len(re.findall(r"openat\([^\n]*O_D?SYNC", text))
print(f"{syncs / requests:.2f} syncs and {dsync / requests:.2f} O_SYNC/O_DSYNC opens a PUT")
P
}

servers=(demilune)
[ -z "$minio" ] || servers+=(minio)
for round in $(seq "$rounds"); do
  for name in "${servers[@]}"; do
    start_server "$name"
    if [ "$round" = 1 ]; then
      measure bucket
      measure fill --objects 5000 >/dev/null
    fi
    for op in put get; do
      measure "$op" --seconds "$seconds" --objects 5000 --run "round$round" --seed "$round" >>"$work/$name.$op"
      echo "round $round  $name  $(tail -1 "$work/$name.$op")" >&2
    done
    if [ "$round" = "$rounds" ]; then count_syncs "$name" >"$work/$name.syncs"; fi
    stop_server
  done
done

python3 - "$work" "${servers[@]}" <<'P'
import json, os, statistics, sys
work, servers = sys.argv[1], sys.argv[2:]
modes = {"demilune": "as always: 200 only after the group's WAL sync",
         "minio": "its default mode (one drive, no options)"}
print(f"\n4 KiB objects, 16 connections, plain HTTP on loopback, {os.cpu_count()} cores shared with the load; "
      "medians of the rounds\n")
print("| what | server | rate /s | p50 ms | p99 ms | server CPU µs | errors |\n|---|---|---|---|---|---|---|")
found = {}
for op in ("put", "get"):
    for name in servers:
        rows = [json.loads(line) for line in open(f"{work}/{name}.{op}")]
        median = {key: statistics.median(row[key] for row in rows) for key in
                  ("rate", "p50_ms", "p99_ms", "server_cpu_us", "errors")}
        found[op, name] = median
        print(f"| {op.upper()} | {name} | {median['rate']:.0f} | {median['p50_ms']:.2f} | {median['p99_ms']:.2f} | "
              f"{median['server_cpu_us']:.0f} | {median['errors']:.0f} |")
print()
for name in servers:
    print(f"durability of {name}: {modes[name]}; {open(f'{work}/{name}.syncs').read().strip()}")
if "minio" in servers:
    for op in ("put", "get"):
        a, b = found[op, "demilune"], found[op, "minio"]
        print(f"ratio {op.upper()} ours / MinIO: rate {a['rate'] / b['rate']:.2f}, server CPU a request "
              f"{a['server_cpu_us'] / b['server_cpu_us']:.2f}")
P
