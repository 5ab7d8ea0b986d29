#include "node/parts.h"
#include "node/sizing.h"

// Every bound beside its use.
namespace dl::node {

void Node::Parts::collect_limits() {
  auto& m = *metrics;
  for (const auto& one : config.settings.show()) {
    if (!one.amount) continue;
    bool time = one.info->type == SettingType::kDuration;
    m.watch("demilune_limit", "What a setting allows: bytes, seconds, or a count", {{"name", one.key}},
            [v = static_cast<double>(*one.amount) / (time ? 1000 : 1)] { return v; });
  }
  auto used = [&m](const char* name, uint64_t value) {
    m.gauge("demilune_limit_used", "What is in use of demilune_limit of the same name", {{"name", name}})
        .set(static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX)));
  };
  int64_t budget = 0;
  for (const auto& term : memory_budget(config.settings)) budget += static_cast<int64_t>(term.bytes);
  m.gauge("demilune_memory_budget_bytes", "What the settings allow of memory, as `demilune config show` sums it up")
      .set(budget);
  uint64_t open = 0;
  for (const auto* server : {data_server.get(), admin_server.get()})
    if (server) open = std::max(open, server->counters().open);
  used("http.max_connections", open);
  used("runtime.pool_queue", runtime->pool_queued());
  used("audit.queue", audit->queued());
  used("audit.queue_size", audit->queued_bytes());
  used("storage.cache", store->memory().cache_bytes);
  used("objects.cache", read_cache->stats().bytes);
  uint64_t waiting = 0;
  for (const auto& name : store->partition_names())
    waiting = std::max(waiting, store->meter(name).waiting.load(std::memory_order_relaxed));
  used("storage.queue", waiting);
  auto admitted = admission->use();
  used("admission.running", admitted.running);
  used("admission.waiting", admitted.waiting);
  used("admission.bodies", std::max(admitted.body_bytes, admitted.answer_bytes));
  if (hub_link) used("link.max_connections", hub_link->open_connections());
}

void Node::Parts::collect_admission() {
  auto& m = *metrics;
  auto use = admission->use();
  for (auto [state, count] :
       {std::pair("running", use.running), std::pair("waiting", use.waiting), std::pair("lasting", use.lasting)})
    m.gauge("demilune_requests_inside", "S3 requests that run, wait for their turn, or last longer than their turn",
            {{"state", state}})
        .set(static_cast<int64_t>(count));
  m.gauge("demilune_bodies_in_flight_bytes", "Memory granted to bodies on their way in or out")
      .set(static_cast<int64_t>(use.body_bytes + use.answer_bytes));
  m.show("demilune_request_wait_seconds", "How long S3 requests waited that had to wait for their turn", {},
         admission->wait_seconds());
  for (size_t i = 0; i < gate::Admission::kRefusedNames.size(); i++) {
    auto& counter = m.counter("demilune_requests_refused_total", "S3 requests that got 503 SlowDown, by what was short",
                              {{"reason", std::string(gate::Admission::kRefusedNames[i])}});
    uint64_t total = admission->refused(static_cast<gate::Admission::Refused>(i));
    counter.add(total - std::min(total, counter.value()));
  }
}

}  // namespace dl::node
