# Tests from outside on build/demilune, in the short form that CI runs. tests/README.md has the full ones.
outside_clients() { ensure_venv && .venv/bin/python -m pytest -q -p no:cacheprovider tests/clients "$@"; }
outside_fleet() { ensure_venv && .venv/bin/python -m pytest -q -p no:cacheprovider tests/fleet "$@"; }
outside_cut_off() { ensure_venv && .venv/bin/python tests/fleet/cut_off.py "$@"; }
outside_limits() { ensure_venv && .venv/bin/python -m pytest -q -p no:cacheprovider tests/limits "$@"; }
outside_disk() { ensure_venv && .venv/bin/python -m pytest -q -p no:cacheprovider tests/disk "$@"; }
outside_bad_input() { python3 tests/bad_input/garbage.py && python3 tests/bad_input/odd.py; }
outside_kill() { python3 tests/chaos/kill.py "$@"; }
outside_kill_sync() { python3 tests/chaos/kill_sync.py --rounds 10 "$@"; }
# The harness must find a server that loses what it acknowledges; only a debug build can be told to be one.
outside_kill_planted() {
  ! grep -qa DEMILUNE_PLANT build/demilune || { echo "the release build has planted bugs in it" >&2; return 1; }
  DEMILUNE=build/debug/src/app/demilune DEMILUNE_PLANT=early-ack python3 tests/chaos/kill.py --expect-loss --rounds 10 "$@"
}
# The load generator against servers that answer wrongly, and a short run of the whole.
outside_bench() { (cd bench && python3 -m harness.selftest); }
# A few power cuts below real file systems, and a store that forgets to sync its log: that must be found.
outside_images() {
  local STORAGE_IMAGE=build/debug/src/storage/storage_image status=0
  export STORAGE_IMAGE
  power_images 10 1 ext4 xfs || return 1
  python3 tests/power/images.py --images 60 --rounds 60 --plant no-wal-sync || status=$?
  [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
}
outside_bounded() { python3 tests/bounded/bounded.py "${@:-all}"; }
