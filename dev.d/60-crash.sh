# crash [--cuts N] [--seed S]: power cuts, disk errors and bit flips under the local store (docs/internals/storage.md)
cmd_crash() {
  local cuts=10000 seed=1
  while [ $# -gt 0 ]; do
    case "$1" in
      --cuts) cuts="$2" ;;
      --seed) seed="$2" ;;
      *) echo "crash: --cuts N, --seed S" >&2; return 2 ;;
    esac
    shift 2
  done
  cmd_build release storage_crash storage_flip storage_posix
  local dir=build/release/src/storage failed=0
  "$dir/storage_crash" --mode cut --cuts "$cuts" --seed "$seed" || failed=1
  "$dir/storage_crash" --mode every --cuts "$cuts" --seed "$seed" || failed=1
  "$dir/storage_crash" --mode eio --cuts "$((cuts / 5 + 1))" --seed "$seed" || failed=1
  "$dir/storage_crash" --mode enospc --cuts "$((cuts / 5 + 1))" --seed "$seed" || failed=1
  "$dir/storage_crash" --mode errno --cuts 0 --seed "$seed" || failed=1
  "$dir/storage_posix" || failed=1
  "$dir/storage_flip" --trials "$((cuts / 2 + 1))" --seed "$seed" || failed=1
  return "$failed"
}
