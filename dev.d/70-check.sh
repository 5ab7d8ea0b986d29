# check: what CI runs. Cheap steps first; every step runs even when one before failed, unless it cannot. Ends with the line
# "N passed, N failed", counting each unit test program, each client test and each campaign.
CHECK_PASSED=0 CHECK_FAILED=0 CHECK_NOTES=() CHECK_UNTESTED=()
NOT_TESTED=77 # what a step returns that could not test here, and said why

# step NAME COMMAND...: one thing that passes, fails, or could not be tested: that is neither, and told at the end.
step() {
  local name="$1" started=$SECONDS status=0
  shift
  echo "=== $name"
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    CHECK_PASSED=$((CHECK_PASSED + 1))
  elif [ "$status" -eq "$NOT_TESTED" ]; then
    CHECK_UNTESTED+=("$name")
  else
    CHECK_FAILED=$((CHECK_FAILED + 1))
    CHECK_NOTES+=("$name")
    echo "!!! $name failed"
  fi
  echo "--- $name: $((SECONDS - started)) s"
}

# Adds what a test runner counted: passed and failed, from its last summary line in the log.
tally() { # LOG PATTERN_PASSED PATTERN_FAILED
  local passed failed
  passed=$(grep -oE "$2" "$1" | tail -n 1 | grep -oE '[0-9]+' | head -n 1 || true)
  failed=$(grep -oE "$3" "$1" | tail -n 1 | grep -oE '[0-9]+' | head -n 1 || true)
  CHECK_PASSED=$((CHECK_PASSED + ${passed:-0}))
  CHECK_FAILED=$((CHECK_FAILED + ${failed:-0}))
}

unit_tests() { # PRESET
  local log="build/ctest-$1.log"
  ctest --test-dir "build/$1" --output-on-failure -j2 ${2:+$2 "$3"} 2>&1 | tee "$log" | grep -vE '^ *Start ' || true
  local total failed
  total=$(grep -oE 'tests failed out of [0-9]+' "$log" | grep -oE '[0-9]+$' || echo 0)
  failed=$(grep -oE '[0-9]+ tests failed out of' "$log" | grep -oE '^[0-9]+' || echo "${total:-1}")
  CHECK_PASSED=$((CHECK_PASSED + total - failed))
  CHECK_FAILED=$((CHECK_FAILED + failed))
  [ "$total" -gt 0 ] && [ "$failed" -eq 0 ]
}

pytest_step() { # LOG COMMAND...
  local log="build/$1.log" status=0
  shift
  "$@" 2>&1 | tee "$log" | tail -n 40 || status=$?
  tally "$log" '[0-9]+ passed' '[0-9]+ failed'
  return "$status"
}

# One target for SECONDS with its log in build/; leaves build/fuzz-NAME.failed when it fails.
fuzz_quietly() { # NAME SECONDS
  fuzz_one "$1" "$2" >"build/fuzz-$1.log" 2>&1 || touch "build/fuzz-$1.failed"
}

# Every target for SECONDS, two at a time: one core each. What fails says so at the end, with its log.
fuzz_all() { # SECONDS each
  local name failed=0
  local names=($(find build/asan/src -name 'fuzz_*' -type f -perm -u+x -printf '%f\n' | sed s/^fuzz_// | sort))
  [ ${#names[@]} -gt 0 ] || { echo "fuzz: no targets were built" >&2; return 1; }
  rm -f build/fuzz-*.log build/fuzz-*.failed
  printf '%s\n' "${names[@]}" | xargs -P 2 -I NAME bash -c '. dev.d/70-check.sh; fuzz_quietly NAME "$1"' fuzz "$1"
  for name in "${names[@]}"; do
    if [ -e "build/fuzz-$name.failed" ]; then
      failed=1
      tail -n 30 "build/fuzz-$name.log"
      echo "replay: ./dev fuzz $name --seconds $1"
    else
      echo "$name: $(grep -oE '^Done [0-9]+ runs' "build/fuzz-$name.log" || echo 'no runs')"
      grep -q '^Done [1-9]' "build/fuzz-$name.log" || failed=1
    fi
  done
  return "$failed"
}

# The golden bytes as seeds: tests/format/NAME*.hex become files in build/fuzz/NAME.
fuzz_golden_seeds() {
  python3 - "$1" <<'P'
import pathlib, sys
for file in pathlib.Path("tests/format").glob(sys.argv[1] + "*.hex"):
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    pathlib.Path("build/fuzz", sys.argv[1], "golden-" + file.stem).write_bytes(bytes.fromhex("".join(lines)))
P
}

# Seeds in tests/fuzz/NAME and golden bytes; what the fuzzer finds stays in build/fuzz/NAME.
fuzz_one() {
  local name="$1" seconds="$2" binary corpus
  binary=$(find build/asan/src -name "fuzz_$name" -type f | head -n 1)
  [ -n "$binary" ] || { echo "fuzz: no target '$name'; there are: $(find build/asan/src -name 'fuzz_*' -type f -printf '%f ' | sed 's/fuzz_//g')" >&2; return 2; }
  corpus="build/fuzz/$name"
  mkdir -p "$corpus"
  fuzz_golden_seeds "$name"
  local seeds=()
  [ -d "tests/fuzz/$name" ] && seeds=("tests/fuzz/$name")
  "$binary" -max_total_time="$seconds" -rss_limit_mb=3000 -timeout=20 -max_len=70000 -artifact_prefix="build/fuzz/" "$corpus" "${seeds[@]}"
}

cmd_fuzz() {
  local name="${1:?fuzz NAME [--seconds N]}" seconds=60
  [ "${2:-}" = --seconds ] && seconds="$3"
  cmd_build asan "fuzz_$name"
  fuzz_one "$name" "$seconds"
}


check_format() {
  git ls-files '*.cc' '*.h' | xargs clang-format-19 --dry-run -Werror
}

# clang-tidy on the sources that the last 40 commits changed, or those since BASE; on all where this clone does not reach
# that far. Called as a condition, so nothing here ends by itself: each failure is returned.
cmd_tidy() { # [BASE]
  local base="${1:-HEAD~40}" files
  if git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
    files=$(git diff --name-only --diff-filter=d "$base" -- 'src/*.cc') || return 1
  elif [ $# -gt 0 ]; then
    echo "tidy: no commit $base" >&2
    return 2
  else
    files=$(git ls-files 'src/*.cc') || return 1
  fi
  files=$(sed -E '/_(fuzz|test|bench)\.cc$/d' <<<"$files")
  [ -n "$files" ] || { echo "no source changed since $base"; return 0; }
  [ -f build/asan/compile_commands.json ] || { echo "tidy: ./dev build asan comes first" >&2; return 1; }
  echo "$(wc -l <<<"$files") sources"
  xargs -P 2 -n 8 clang-tidy-19 -p build/asan --quiet <<<"$files" 2> >(grep -v 'warnings generated' >&2)
}

campaign() { # NAME COMMAND...: quiet unless it fails
  local log="build/campaign.log"
  shift
  "$@" >"$log" 2>&1 || { tail -n 60 "$log"; return 1; }
  tail -n 2 "$log"
  ! grep 'NOT TESTED' "$log" || return "$NOT_TESTED"
}

# sanitize [--seconds N]: the unit tests under ASan and UBSan, then every fuzz target, N seconds each (60).
cmd_sanitize() {
  local seconds=60
  [ "${1:-}" = --seconds ] && seconds="$2"
  step "sanitizer build" cmd_build asan
  step "unit tests under ASan and UBSan" unit_tests asan
  step "fuzzing, $seconds s a target" fuzz_all "$seconds"
  step "clang-tidy on what changed" cmd_tidy
  echo "$CHECK_PASSED passed, $CHECK_FAILED failed"
  [ "$CHECK_FAILED" -eq 0 ]
}

cmd_check() {
  cmd_setup
  mkdir -p build
  step "house rules" tools/check_house.py
  step "format" check_format
  step "debug build" cmd_build debug
  step "unit tests and storage campaigns" unit_tests debug
  step "sanitizer build" cmd_build asan
  step "unit tests under ASan and UBSan" unit_tests asan
  step "clang-tidy on what changed" cmd_tidy
  step "release build" cmd_build release
  step "real clients" pytest_step clients outside_clients
  step "fleet: enrolment, identity, conflicts, jobs" pytest_step fleet outside_fleet
  step "real clients at a device that is cut off" pytest_step cut-off outside_cut_off
  step "limits: settings, admission, dashboards" pytest_step limits outside_limits
  step "full and failing disks" pytest_step disk outside_disk
  step "power cuts below real file systems" campaign power outside_images
  step "bad input" campaign bad-input outside_bad_input
  step "SIGKILL under load" campaign kill outside_kill
  step "SIGKILL of a device and its hub" campaign kill-sync outside_kill_sync
  step "SIGKILL finds a planted loss" campaign kill-planted outside_kill_planted
  step "bounded memory and files" campaign bounded outside_bounded
  step "the benchmark measures, and counts what fails" campaign bench outside_bench
  step "demo" campaign demo build/demilune demo --check
  step "fuzzing, 60 s a target" fuzz_all 60
  for note in "${CHECK_UNTESTED[@]}"; do echo "not tested here: $note"; done
  for note in "${CHECK_NOTES[@]}"; do echo "failed: $note"; done
  echo "$CHECK_PASSED passed, $CHECK_FAILED failed"
  [ "$CHECK_FAILED" -eq 0 ]
}
