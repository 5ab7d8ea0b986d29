#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/observe.h"
#include "base/random.h"
#include "base/task_fwd.h"
#include "net/http.h"
#include "objects/objects.h"

namespace dl::gate {
class Admission;
class Gate;
}  // namespace dl::gate

namespace dl::api::s3 {

struct S3Config {
  std::string region = "us-east-1";         // at a device: its name
  bool home = true;                         // this node commits: the hub
  const RequestMetrics* metrics = nullptr;  // outlives the handler; null: nothing is counted
  gate::Admission* admission = nullptr;     // outlives the handler; null: everything is let in at once
};

// All that a request may turn out to be: the operations of its metrics.
std::vector<std::string_view> operation_names();

// The front door of S3 (path style). Thread-safe; owned by the node, outlived by what it points to. Give
// `[&h](net::HttpExchange& e) { return h.handle(&e); }` to the HTTP server. Every request is authenticated, decided and
// audited by the gate before anything of its body is read.
class S3Handler {
 public:
  S3Handler(S3Config config, objects::Objects& objects, gate::Gate& gate, Random& random)
      : config_(std::move(config)), objects_(objects), gate_(gate), random_(random) {}
  // `exchange` lives until the coroutine ends. Errors: only those of the connection; S3's are answered.
  Task<void> handle(net::HttpExchange* exchange);

 private:
  S3Config config_;
  objects::Objects& objects_;
  gate::Gate& gate_;
  Random& random_;
};

}  // namespace dl::api::s3
