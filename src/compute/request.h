#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "format/workload.h"

namespace dl::compute {

// What `demilune run` asks for. Empty and zero: the default.
struct RunRequest {
  std::string image;
  std::string name;                  // [a-z0-9-], at most 63; made up for a job without one, needed for a service
  bool service = false;              // --restart always
  std::vector<std::string> command;  // replaces the image's entrypoint
  std::vector<std::string> args;     // what stands behind `--`: replaces the image's command
  std::vector<std::string> env;      // "NAME=value"
  std::string input, output;         // "s3://bucket/prefix"
  uint64_t memory_bytes = 0, cpu_millis = 0, pids = 0;
  Millis timeout{0};
  bool restart_on_failure = false;  // jobs
  uint32_t max_restarts = 0;
  std::string principal;  // who submits: set by the front door, never by the client
  std::string node;       // --on DEVICE
  bool host_network = false;
  std::string working_dir, user;
  bool read_only_root = false;
};

// The workload that the request means, with a fresh id. Errors: kInvalid with what is wrong and how it should look,
// kTooLarge.
Result<format::WorkloadSpec> make_spec(const RunRequest& request, const Clock& clock, Random& random);

// "s3://bucket/a/b" and "s3://bucket". Errors: kInvalid.
Result<format::ObjectPrefix> parse_object_url(std::string_view url);

}  // namespace dl::compute
