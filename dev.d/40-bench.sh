# bench [NAME] [OPTIONS]: ours beside a peer in one run
cmd_bench() {
  local name="${1:-s3}"
  shift || true
  [ -x "bench/$name.sh" ] || { echo "bench: no $name; there are: $(basename -s .sh -a bench/*.sh | xargs)" >&2; return 2; }
  cmd_build release
  "bench/$name.sh" "$@"
}
