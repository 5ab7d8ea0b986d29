# sim [--seeds N] [--seed S] [--steps N] [--plant NAME]: random histories of a hub and three devices (src/sim/README.md)
cmd_sim() {
  cmd_build release sim_program
  build/release/src/sim/sim "$@"
}
