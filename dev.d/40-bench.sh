# bench [NAME] [OPTIONS]: ours beside peers in one run; `./dev bench s3 --help`
cmd_bench() {
  local name="${1:-s3}"
  shift || true
  [ -x "bench/$name.py" ] || { echo "bench: no $name; there are: $(basename -s .py -a bench/*.py | xargs)" >&2; return 2; }
  cmd_build release
  "bench/$name.py" "$@"
}
