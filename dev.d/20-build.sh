# build [release|debug|asan|tsan] [TARGET...]
cmd_build() {
  local preset="${1:-release}"
  shift || true
  cmd_setup || return 1
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"build-$preset.log" 2>&1 ||
    { cat "build-$preset.log" >&2; rm -f "build-$preset.log"; return 1; }
  rm -f "build-$preset.log"
  # The release is the program; tests are of the other builds.
  [ "$preset" != release ] || [ $# -gt 0 ] || set -- demilune s3_bench bench_limits bench_echo
  local quiet=(); [ -t 1 ] || quiet=(--quiet)
  cmake --build "build/$preset" ${1:+--target "$@"} -- "${quiet[@]}" || return 1
  if [ "$preset" = release ] && [ -x build/release/src/app/demilune ]; then
    ln -sfn release/src/app/demilune build/demilune
  fi
}

# test [PATTERN]: unit tests of the debug build whose room matches
cmd_test() {
  cmd_build debug
  ctest --test-dir build/debug --output-on-failure -j2 ${1:+-R "$1"}
}

cmd_format() { git ls-files -co --exclude-standard '*.cc' '*.h' | xargs -r clang-format-19 -i; }

cmd_help() {
  sed -n '/^| command/,/^$/p' docs/development.md 2>/dev/null || grep -ho '^cmd_[a-z]*' dev.d/*.sh | sed 's/cmd_/.\/dev /'
}
