#include "node/workload_bridge.h"

#include "base/log.h"

namespace dl::node {
namespace {

constexpr Millis kRound{1'000};

// States that differ only in when they were looked at are the same report.
bool same(format::WorkloadStatus a, format::WorkloadStatus b) {
  a.as_of_millis = b.as_of_millis = 0;
  return a == b;
}

}  // namespace

WorkloadBridge::~WorkloadBridge() { stop(); }

void WorkloadBridge::start() {
  thread_ = Thread("workload-bridge", [this] {
    do {
      auto done = take_wishes();
      if (done.ok()) done = report();
      if (!done.ok()) log_warn("node", "workloads of the hub: {}", done.error().message);
    } while (signal_.wait_for(kRound));
  });
}

void WorkloadBridge::stop() {
  signal_.stop();
  thread_.join();
}

void WorkloadBridge::poke() { signal_.poke(); }

Result<void> WorkloadBridge::take_wishes() {
  bool changed = false;
  for (const auto& [id, row] : control_.state()->workloads) {
    DL_TRY(auto spec, format::decode_workload_spec(row.spec));
    spec.node.clear();  // it is meant for this node: here it is local
    spec.cancelled = row.cancelled;
    DL_TRY(auto known, table_.get(id));
    // One that was cancelled before it was heard of is taken, too: it ends as Cancelled here, and the hub is told.
    if (known && (known->spec.cancelled || known->spec.cancelled == spec.cancelled)) continue;
    if (known) {
      spec = known->spec;
      spec.cancelled = true;
    }
    DL_OK(table_.put_spec(audit::Author("hub"), spec));
    changed = true;
  }
  if (changed) service_.poke();
  return {};
}

Result<void> WorkloadBridge::report() {
  auto state = control_.state();
  bool wrote = false;
  for (const auto& [id, row] : state->workloads) {
    DL_TRY(auto known, table_.get(id));
    if (!known || !known->status) continue;
    auto before = state->reports.find(id);
    if (before != state->reports.end()) {
      auto last = format::decode_workload_status(before->second.status);
      if (last.ok() && same(*last, *known->status)) continue;
    }
    DL_OK(control_.put_report({id, format::encode_workload_status(*known->status), known->status->as_of_millis}));
    wrote = true;
  }
  if (wrote && reported_) reported_();
  return {};
}

}  // namespace dl::node
