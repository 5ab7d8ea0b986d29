# tsan [PATTERN]: ThreadSanitizer. Without PATTERN: unit tests and short campaigns, then the daemon under load, killed, and in the
# demo. With PATTERN: the ctest entries whose name matches. What is not a race says why in tools/tsan.supp.
TSAN_DIR="$PWD/build/tsan"
TSAN_REPORTS="$TSAN_DIR/reports"

# Every process writes its reports to a file of its own: a killed daemon has no exit code of its own, a planted one is to fail.
tsan_run() { # NAME COMMAND...
  local name="$1"
  shift
  TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp second_deadlock_stack=1 log_path=$TSAN_REPORTS/$name" \
    DEMILUNE="$TSAN_DIR/src/app/demilune" "$@"
}

tsan_reports() {
  local files=("$TSAN_REPORTS"/*)
  [ -e "${files[0]}" ] || return 0
  head -n 120 "${files[@]}"
  echo "tsan: ${#files[@]} processes reported; all of it: $TSAN_REPORTS"
  return 1
}

cmd_tsan() {
  step "ThreadSanitizer build" cmd_build tsan
  [ "$CHECK_FAILED" -eq 0 ] || return 1
  rm -rf "$TSAN_REPORTS"
  mkdir -p "$TSAN_REPORTS"
  step "unit tests and campaigns" tsan_run ctest unit_tests tsan ${1:+-R "$1"}
  if [ $# -eq 0 ]; then
    step "SIGKILL under load" tsan_run kill campaign kill outside_kill --rounds 3
    step "mixed load" tsan_run mixed campaign mixed outside_bounded mixed --seconds 20
    step "demo" tsan_run demo campaign demo "$TSAN_DIR/src/app/demilune" demo --check
  fi
  step "no reports" tsan_reports
  for note in "${CHECK_NOTES[@]}"; do echo "failed: $note"; done
  echo "$CHECK_PASSED passed, $CHECK_FAILED failed"
  [ "$CHECK_FAILED" -eq 0 ]
}
