# demo [ARGS]: the story of hub, devices and a broken link; duo: the same nodes without the story, left running
cmd_demo() {
  cmd_build release
  exec build/demilune demo "$@"
}

cmd_duo() {
  cmd_build release
  exec build/demilune demo --bare "$@"
}
