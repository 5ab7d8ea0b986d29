#include "node/sizing.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/thread.h"

namespace dl::node {
namespace {

constexpr unsigned kFewestLoops = 2;
constexpr uint64_t kPartitions = 2;  // control, default
constexpr uint64_t kServers = 2;     // data, administration
constexpr uint64_t kWriteBuffers = 3;
// A request: its frames and headers; while it runs a row with a small body, twice.
constexpr uint64_t kRunningBytes = 64 * 1024, kWaitingBytes = 8 * 1024;
// An idle one: 8 KiB to read into, two records of TLS, its session and what the kernel does not count.
constexpr uint64_t kConnectionBytes = 56 * 1024;
// The program itself, its threads' stacks as far as they are used, control state of a small fleet.
constexpr uint64_t kProgramBytes = 40ull << 20;

}  // namespace

storage::LocalLimits storage_limits(const Settings& settings) {
  storage::LocalLimits l;
  l.reserve_percent = static_cast<unsigned>(settings.number("storage.reserve"));
  l.reserve_floor_bytes = settings.size("storage.reserve_size");
  l.move_bytes = settings.size("storage.reclaim_rate") * static_cast<uint64_t>(l.reclaim_interval.count()) / 1000;
  l.committer.queued_steps = settings.number("storage.queue");
  l.committer.group_steps = settings.number("storage.group");
  l.committer.group_bytes = settings.size("storage.group_size");
  l.inline_limit = settings.size("storage.inline");
  l.segment_bytes = settings.size("storage.segment");
  l.write_buffer_bytes = settings.size("storage.write_buffer");
  l.wal_bytes = settings.size("storage.log");
  l.cache_bytes = settings.size("storage.cache");
  l.max_open_files = static_cast<int>(settings.number("storage.open_files"));
  return l;
}

gate::Admission::Limits admission_limits(const Settings& settings) {
  gate::Admission::Limits l;
  l.running = settings.number("admission.running");
  l.waiting = settings.number("admission.waiting");
  l.body_bytes = settings.size("admission.bodies");
  l.longest_wait = settings.duration("admission.longest_wait");
  l.commit_age = settings.duration("admission.commit_age");
  l.lease = settings.duration("admission.lease");
  return l;
}

net::HttpServerOptions http_options(const Settings& settings) {
  net::HttpServerOptions o;
  o.max_connections = settings.number("http.max_connections");
  o.handshake_deadline = settings.duration("http.handshake");
  o.header_deadline = settings.duration("http.head");
  o.body_deadline = settings.duration("http.body_wait");
  o.write_deadline = settings.duration("http.write_wait");
  o.idle_deadline = settings.duration("http.idle");
  o.drain_deadline = settings.duration("http.drain");
  return o;
}

std::unique_ptr<net::Runtime> make_runtime(const Settings& settings) {
  auto loops = static_cast<unsigned>(settings.number("runtime.loops"));
  if (loops == 0) loops = std::max(kFewestLoops, core_count());
  return std::make_unique<net::Runtime>(loops, static_cast<unsigned>(settings.number("runtime.pool")),
                                        settings.number("runtime.pool_queue"));
}

std::vector<MemoryTerm> memory_budget(const Settings& settings) {
  const uint64_t step = storage::CommitterLimits{}.step_bytes;
  std::vector<MemoryTerm> out;
  out.push_back({"program", kProgramBytes, "the program without load"});
  out.push_back({"block cache", settings.size("storage.cache"), "storage.cache"});
  out.push_back({"read cache", settings.size("objects.cache"), "objects.cache"});
  out.push_back({"write buffers", kPartitions * kWriteBuffers * settings.size("storage.write_buffer"),
                 fmt::format("{} partitions x {} x storage.write_buffer", kPartitions, kWriteBuffers)});
  // The rows of a group, and the batch they are written with; the last step that joins may be as large as a step can.
  out.push_back({"commit groups", kPartitions * 2 * (settings.size("storage.group_size") + step),
                 fmt::format("{} partitions x 2 x (storage.group_size + {} MiB)", kPartitions, step >> 20)});
  out.push_back({"bodies", 2 * settings.size("admission.bodies"), "admission.bodies, on their way in and out"});
  // No more wait than there are connections.
  const uint64_t waiting = std::min(settings.number("admission.waiting"), settings.number("http.max_connections"));
  out.push_back(
      {"requests", settings.number("admission.running") * kRunningBytes + waiting * kWaitingBytes,
       fmt::format("admission.running x {} KiB + admission.waiting, or http.max_connections if that is less, x {} KiB",
                   kRunningBytes >> 10, kWaitingBytes >> 10)});
  out.push_back({"audit queue", settings.size("audit.queue_size"), "audit.queue_size"});
  out.push_back(
      {"connections",
       (kServers * settings.number("http.max_connections") + settings.number("link.max_connections")) *
           kConnectionBytes,
       fmt::format("({} x http.max_connections + link.max_connections) x {} KiB", kServers, kConnectionBytes >> 10)});
  return out;
}

format::Json config_json(const Settings& settings) {
  using format::Json;
  Json list = Json::array();
  for (const auto& one : settings.show())
    list.push(Json::object()
                  .set("key", one.key)
                  .set("value", one.value)
                  .set("origin", one.source)
                  .set("default", one.info->fallback)
                  .set("range", one.info->range)
                  .set("type", setting_type_name(one.info->type))
                  .set("variable", setting_variable(one.key))
                  .set("about", one.info->doc));
  uint64_t sum = 0;
  Json parts = Json::array();
  for (const auto& term : memory_budget(settings)) {
    sum += term.bytes;
    parts.push(Json::object().set("name", term.name).set("bytes", term.bytes).set("made_of", term.made_of));
  }
  return Json::object()
      .set("settings", std::move(list))
      .set("memory", Json::object().set("bytes", sum).set("parts", std::move(parts)));
}

}  // namespace dl::node
