# crash [--cuts N] [--seed S]: power cuts, disk errors and bit flips under the local store (docs/internals/storage.md)
# crash --images N [--fs ext4|xfs] [--seed S]: power cuts below real file systems only
cmd_crash() {
  local cuts=10000 seed=1 images='' systems=(ext4 xfs)
  while [ $# -gt 0 ]; do
    case "$1" in
      --cuts) cuts="$2" ;;
      --seed) seed="$2" ;;
      --images) images="$2" ;;
      --fs) systems=("$2") ;;
      *) echo "crash: --cuts N, --seed S, --images N, --fs ext4|xfs" >&2; return 2 ;;
    esac
    shift 2
  done
  cmd_build release storage_crash storage_flip storage_posix storage_image
  local dir=build/release/src/storage failed=0
  if [ -z "$images" ]; then
    crash_on_all_cores "$dir/storage_crash" cut "$cuts" "$seed" || failed=1
    crash_on_all_cores "$dir/storage_crash" every "$cuts" "$seed" || failed=1
    "$dir/storage_crash" --mode eio --cuts "$((cuts / 5 + 1))" --seed "$seed" || failed=1
    "$dir/storage_crash" --mode enospc --cuts "$((cuts / 5 + 1))" --seed "$seed" || failed=1
    "$dir/storage_crash" --mode errno --cuts 0 --seed "$seed" || failed=1
    "$dir/storage_posix" || failed=1
    "$dir/storage_flip" --trials "$((cuts / 2 + 1))" --seed "$seed" || failed=1
    images=$((cuts / 50 + 1))
  fi
  STORAGE_IMAGE="$dir/storage_image" power_images "$images" "$seed" "${systems[@]}" || failed=1
  return "$failed"
}

# A campaign in as many processes as there are cores, each with a seed of its own.
crash_on_all_cores() { # PROGRAM MODE CUTS SEED
  local cores started=() failed=0 one
  cores=$(nproc)
  for ((one = 0; one < cores; one++)); do
    "$1" --mode "$2" --cuts "$(($3 / cores + 1))" --seed "$(($4 + one * 1000000))" &
    started+=($!)
  done
  for one in "${started[@]}"; do wait "$one" || failed=1; done
  return "$failed"
}

# Where the machine has not what it takes, it says so and is no failure. Recordings of at most 1,000 images each.
power_images() { # IMAGES SEED FILE_SYSTEM...
  local left part seed="$2" failed=0 status fs
  for fs in "${@:3}"; do
    for ((left = $1; left > 0; left -= part)); do
      part=$((left < 1000 ? left : 1000)) status=0
      python3 tests/power/images.py --fs "$fs" --images "$part" --rounds $((part + 100)) --seed "$((seed++))" || status=$?
      [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || failed=1
      [ "$status" -ne 3 ] || break
    done
  done
  return "$failed"
}
