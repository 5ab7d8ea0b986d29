#pragma once

#include <cstddef>
#include <string>

#include "bench/load/target.h"

namespace dl::bench {

// What `s3_bench --help` tells.
struct Options {
  std::string op;
  Target target;
  std::string bucket;
  std::string run = "run";
  std::string set = "fill";
  std::string compare = "bytes";
  size_t size = 4096;
  size_t connections = 16;
  size_t in_flight = 0;  // 0: one request a connection
  size_t objects = 5000;
  size_t from = 0;
  size_t seed = 1;
  size_t body_seed = 1;
  double rate = 0;  // requests a second on a schedule; 0: each connection asks again when it is answered
  double seconds = 10;
  double warm_up = 1;
  double limit = 0;      // seconds after which a counted work is cut short; 0: never
  double patience = 30;  // seconds without any answer after which the work is given up
  int pid = 0;

  // Works that end by a count, not by the time.
  bool is_counted() const { return op == "fill" || op == "walk" || op == "delete" || op == "first"; }
};

// Prints why and exits on anything that is not understood.
Options parse_options(int argc, char** argv);

}  // namespace dl::bench
