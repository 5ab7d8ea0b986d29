#include "format/workload.h"

#include <doctest/doctest.h>

#include "base/testing/golden.h"

using namespace dl;
using namespace dl::format;

namespace {

WorkloadSpec spec() {
  WorkloadSpec s;
  s.id = WorkloadId::of("workload-id-16by");
  s.name = "count-words";
  s.kind = WorkloadKind::kJob;
  s.image = "tools/count:3";
  s.image_digest = Sha256::of("sha-256-of-the-manifest-32-bytes");
  s.command = {"/bin/count"};
  s.args = {"-w", "/in"};
  s.env = {{"LANG", "C"}};
  s.input = ObjectPrefix{"mission", "data/"};
  s.output = ObjectPrefix{"mission", "reports/"};
  s.limits = {64 << 20, 500, 100};
  s.timeout_millis = 60'000;
  s.restart = RestartPolicy::kOnFailure;
  s.max_restarts = 3;
  s.principal = "user/alice";
  s.node = "field-01";
  s.network = NetworkMode::kHost;
  s.working_dir = "/work";
  s.user = "1000:1000";
  s.read_only_root = true;
  s.submitted_millis = 1'700'000'000'123;
  s.cancelled = true;
  s.deleted = true;
  return s;
}

WorkloadStatus status() {
  WorkloadStatus s;
  s.id = WorkloadId::of("workload-id-16by");
  s.phase = WorkloadPhase::kFailed;
  s.reason = "Error";
  s.message = "ended with -1";
  s.exit_code = -1;
  s.restarts = 2;
  s.attempt = 3;
  s.failures = 1;
  s.started_millis = 1'700'000'000'200;
  s.finished_millis = 1'700'000'000'300;
  s.next_start_millis = 1'700'000'000'400;
  s.clamps = {"open files: 20000 instead of 65536"};
  s.node = "field-01";
  s.as_of_millis = 1'700'000'000'500;
  s.stop_reason = "Timeout";
  s.stop_millis = 1'700'000'000'250;
  s.boot_id = "boot";
  s.output_objects = 2;
  s.output_bytes = 99;
  return s;
}

}  // namespace

TEST_CASE("a workload's spec and status have the bytes that were decided") {
  CHECK(to_hex(encode_workload_spec(spec())) == to_hex(dl::testing::golden("workload_spec")));
  CHECK(decode_workload_spec(dl::testing::golden("workload_spec")).value() == spec());
  CHECK(to_hex(encode_workload_status(status())) == to_hex(dl::testing::golden("workload_status")));
  CHECK(decode_workload_status(dl::testing::golden("workload_status")).value() == status());
}

TEST_CASE("a workload that was never run has no exit code, and 0 is one") {
  WorkloadStatus fresh{.id = status().id};
  CHECK_FALSE(decode_workload_status(encode_workload_status(fresh)).value().exit_code);
  fresh.exit_code = 0;
  CHECK(decode_workload_status(encode_workload_status(fresh)).value().exit_code == 0);
}

TEST_CASE("what is no workload, cut, newer or of an unknown kind is refused") {
  Bytes bytes = encode_workload_spec(spec());
  for (size_t cut : {size_t{0}, size_t{1}, size_t{5}, bytes.size() - 1})
    CHECK_FALSE(decode_workload_spec(bytes.substr(0, cut)).ok());
  Bytes newer = bytes;
  REQUIRE(newer.substr(0, 2) == "\x08\x01");
  newer[1] = 2;
  auto refused = decode_workload_spec(newer);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::kUnsupported);
  CHECK_FALSE(decode_workload_spec(bytes + "\x20\x63").ok());  // kind 99
  CHECK_FALSE(decode_workload_status(encode_workload_status(status()) + "\x18\x63").ok());
}

TEST_CASE("rows of specs and statuses lie apart under 7E wl/") {
  WorkloadId id = spec().id;
  CHECK(workload_spec_key(id) == "\x7Ewl/s" + id.bytes());
  CHECK(workload_status_key(id) == "\x7Ewl/t" + id.bytes());
  CHECK(workload_specs_begin() < workload_spec_key(id));
  CHECK(workload_spec_key(id) < workload_specs_end());
  CHECK(workload_specs_end() <= workload_status_key(id));
}
