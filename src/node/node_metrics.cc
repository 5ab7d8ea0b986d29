#include <charconv>

#include <unistd.h>

#include "compute/process.h"
#include "node/parts.h"
#include "node/sizing.h"

// What /metrics tells beside the requests, which count themselves: read from the parts when somebody looks. Labels are
// of bounded sets only: partitions, doors, phases, enrolled devices.
namespace dl::node {
namespace {

constexpr Millis kSyncAge{10'000};  // what is known of links is asked again after this time: it reads rows

// A total that somebody else keeps, as a counter.
void advance(Counter& counter, uint64_t total) {
  uint64_t now = counter.value();
  if (total > now) counter.add(total - now);
}

int64_t whole(uint64_t n) { return static_cast<int64_t>(std::min<uint64_t>(n, INT64_MAX)); }

uint64_t bytes_in(storage::FileSystem& fs, const std::string& dir) {
  uint64_t sum = 0;
  auto names = fs.list(dir);
  if (!names.ok()) return 0;
  for (const auto& name : *names) {
    auto size = fs.file_size(dir + "/" + name);
    if (size.ok()) sum += *size;
  }
  return sum;
}

}  // namespace

void Node::Parts::collect_store() {
  auto& m = *metrics;
  for (const auto& name : store->partition_names()) {
    const MetricLabels labels{{"partition", name}};
    auto stats = store->stats(name);
    advance(
        m.counter("demilune_commits_total", "Groups of steps that were written, each with one sync of the log", labels),
        stats.commits);
    advance(m.counter("demilune_steps_total", "Steps that ran; by demilune_commits_total, the size of a group", labels),
            stats.steps);
    advance(m.counter("demilune_body_syncs_total", "Syncs of segment files", labels), stats.body_syncs);
    const auto& meter = store->meter(name);
    m.show("demilune_commit_group_steps", "Steps that became durable together, of groups that wrote", labels,
           meter.group_steps);
    m.show("demilune_commit_sync_seconds", "Writing a group and making it durable", labels, meter.sync_seconds);
    m.show("demilune_commit_group_seconds", "Running a group's steps and making it durable", labels,
           meter.group_seconds);
    m.show("demilune_commit_wait_seconds", "From when a step is asked for to the start of its group", labels,
           meter.wait_seconds);
    m.gauge("demilune_commit_queue_steps", "Steps that wait for the next group", labels)
        .set(whole(meter.waiting.load(std::memory_order_relaxed)));
    m.watch("demilune_commit_oldest_seconds", "How long the oldest step of the group that runs has waited", labels,
            [&meter] { return static_cast<double>(meter.age(system_clock().mono()).count()) / 1000; });
    m.gauge("demilune_store_compaction_debt_bytes", "What the database is behind with merging, estimated", labels)
        .set(whole(stats.compaction_debt));
    m.gauge("demilune_store_segment_file_bytes",
            "Bytes of segment files; without the living bytes: what reclaiming is behind with, and room reserved",
            labels)
        .set(whole(bytes_in(*world.fs, dir("segments/" + name))));
    m.gauge("demilune_store_segments", "Segment files", labels).set(whole(stats.segments));
    m.gauge("demilune_store_segment_live_bytes", "Bytes of living bodies in segment files", labels)
        .set(whole(stats.segment_bytes));
    advance(m.counter("demilune_store_moved_bytes_total", "Bytes copied out of mostly dead segments", labels),
            stats.moved_bytes);
    m.gauge("demilune_store_database_bytes", "Bytes in files of the database", labels)
        .set(whole(bytes_in(*world.fs, dir("kv/" + name))));
    m.gauge("demilune_store_serving", "1 when a write would be taken", labels).set(store->health(name).ok());
  }
  auto engine = store->engine();
  for (auto [result, count] : {std::pair("hit", engine.cache_hits), std::pair("miss", engine.cache_misses)})
    advance(m.counter("demilune_store_cache_lookups_total", "Looks for a block of the database in the cache",
                      {{"result", result}}),
            count);
  advance(m.counter("demilune_store_flushed_bytes_total", "Rows written from memory to tables"), engine.flushed_bytes);
  advance(m.counter("demilune_store_compaction_read_bytes_total", "Read to merge tables"), engine.compacted_read_bytes);
  advance(m.counter("demilune_store_compaction_written_bytes_total", "Written by merging tables"),
          engine.compacted_written_bytes);
  advance(m.counter("demilune_store_stalled_milliseconds_total", "Writes were held back because merging was behind"),
          engine.stalled_micros / 1000);
  advance(m.counter("demilune_store_freed_bodies_total", "Bodies whose space was given back"), store->freed_blobs());
  auto memory = store->memory();
  m.gauge("demilune_store_cache_bytes", "Blocks of the database that are held in memory")
      .set(whole(memory.cache_bytes));
  m.gauge("demilune_store_cache_limit_bytes", "What that may grow to").set(whole(memory.cache_limit));
  auto cached = read_cache->stats();
  m.gauge("demilune_objects_cache_bytes", "Small objects, and descriptions, that are held in memory")
      .set(whole(cached.bytes));
  m.gauge("demilune_objects_cache_limit_bytes", "What that may grow to").set(whole(cached.limit));
  advance(m.counter("demilune_objects_cache_hits_total", "Reads that were answered from it"), cached.hits);
  advance(m.counter("demilune_objects_cache_misses_total", "Reads of current versions that were not"), cached.misses);
  m.gauge("demilune_store_buffer_bytes", "Rows that are not yet in tables").set(whole(memory.buffer_bytes));
  if (auto space = world.fs->disk_space(config.data_dir); space.ok()) {
    m.gauge("demilune_disk_free_bytes", "Free on the disk of the data directory").set(whole(space->free_bytes));
    m.gauge("demilune_disk_reserve_bytes", "What writes leave free of it")
        .set(whole(storage_limits(config.settings).reserve_bytes(space->total_bytes)));
    m.gauge("demilune_disk_bytes", "Size of the disk of the data directory").set(whole(space->total_bytes));
  }
  m.gauge("demilune_ready", "1 when /readyz says so").set(pulse->ready().ok());
  m.gauge("demilune_audit_queued", "Records of reads and refusals that wait to be written").set(whole(audit->queued()));
  auto counts = census->counts();
  if (!counts) return;
  m.gauge("demilune_conflicts_open", "Keys with versions that did not know each other, as of the last whole count")
      .set(whole(counts->conflicts));
  m.gauge("demilune_uploads_open", "Multipart uploads neither completed nor aborted, as of the last whole count")
      .set(whole(counts->uploads));
  auto age = counts->oldest_upload ? world.clock->wall() - *counts->oldest_upload : Millis(0);
  m.gauge("demilune_uploads_oldest_seconds", "Age of the oldest of these")
      .set(std::max<int64_t>(0, age.count() / 1000));
}

void Node::Parts::collect_damage() {
  auto& m = *metrics;
  m.gauge("demilune_damaged", "Damaged versions, bodies and files that were met since the start")
      .set(whole(damages->count()));
  for (const auto& name : store->partition_names())
    m.gauge("demilune_store_damaged",
            "1 when part of the database cannot be read: the rest is served, space does not "
            "come back",
            {{"partition", name}})
        .set(store->damage(name).has_value());
  advance(m.counter("demilune_scrub_bytes_total", "Bytes that were read to find damage"), scrubber->bytes());
  m.gauge("demilune_scrub_running", "1 while a scrub reads").set(scrubber->running());
  auto last = scrubber->last();
  if (!last) return;
  m.gauge("demilune_scrub_findings", "Damaged bodies and files that the last whole scrub found")
      .set(whole(last->findings));
  m.gauge("demilune_scrub_finished_timestamp_seconds", "When the last whole scrub ended, in seconds since 1970")
      .set(last->when.time_since_epoch().count() / 1000);
}

void Node::Parts::collect_links() {
  auto& m = *metrics;
  for (const auto& link : sync_admin->links()) {
    const MetricLabels labels{{"peer", link.peer}};
    m.gauge("demilune_link_connected", "1 while a session is open", labels).set(link.state == "connected");
    advance(m.counter("demilune_link_sent_bytes_total", "Bytes sent in sessions", labels), link.sent_bytes);
    advance(m.counter("demilune_link_received_bytes_total", "Bytes received in sessions", labels), link.received_bytes);
    if (!link.last_contact) continue;
    auto age = std::chrono::duration_cast<std::chrono::seconds>(world.clock->wall() - *link.last_contact);
    m.gauge("demilune_link_contact_age_seconds", "Since the other side was last heard in a session", labels)
        .set(age.count());
  }
  if (is_hub()) return;  // its own records are decided at once
  auto now = world.clock->mono();
  if (!last_sync || now - last_sync_at > kSyncAge) {
    last_sync = sync_admin->status();
    last_sync_at = now;
  }
  uint64_t undecided = 0, bodies = 0, bytes = 0;
  for (const auto& space : last_sync->spaces) {
    undecided += space.undecided;
    bodies += space.bodies_missing;
    bytes += space.bytes_missing;
  }
  m.gauge("demilune_records_undecided",
          "Own records that the hub has not decided: they wait to be sent, or for their body")
      .set(whole(undecided));
  m.gauge("demilune_bodies_missing", "Bodies that are known here and not held").set(whole(bodies));
  m.gauge("demilune_bodies_missing_bytes", "Bytes of these").set(whole(bytes));
}

void Node::Parts::collect_jobs() {
  auto workloads = compute->list();
  if (!workloads.ok()) return;
  std::map<std::string, int64_t> phases;
  for (int p = 1; p <= static_cast<int>(format::WorkloadPhase::kLost); p++)
    phases[std::string(format::phase_name(static_cast<format::WorkloadPhase>(p)))] = 0;
  int64_t restarts = 0;
  for (const auto& w : *workloads) {
    phases[std::string(format::phase_name(w.status ? w.status->phase : format::WorkloadPhase::kPending))]++;
    if (w.status) restarts += w.status->restarts;
  }
  for (const auto& [phase, count] : phases)
    metrics->gauge("demilune_workloads", "Jobs and services of this node by phase", {{"phase", phase}}).set(count);
  metrics->gauge("demilune_workload_restarts", "Restarts of all that are listed").set(restarts);
}

void Node::Parts::collect_process() {
  auto& m = *metrics;
  for (const auto& [name, server] : {std::pair("data", data_server.get()), std::pair("admin", admin_server.get())}) {
    if (!server) continue;
    const MetricLabels labels{{"listener", name}};
    auto counters = server->counters();
    m.gauge("demilune_connections_open", "Connections that are open", labels).set(whole(counters.open));
    advance(m.counter("demilune_connections_total", "Connections that were accepted", labels), counters.accepted);
    advance(m.counter("demilune_connections_over_limit_total", "Connections that were one too many", labels),
            counters.over_limit);
    advance(m.counter("demilune_malformed_requests_total", "Requests that were no HTTP as it is spoken here", labels),
            counters.refused);
  }
  m.gauge("demilune_certificate_expires_timestamp_seconds", "When the certificate of data and administration ends")
      .set(certificate_ends.load().count());
  m.gauge("demilune_start_timestamp_seconds", "When this process began to start")
      .set(std::chrono::duration_cast<std::chrono::seconds>(begun.time_since_epoch()).count());
  // statm: pages in all, pages resident, ...
  if (auto statm = compute::read_pseudo_file(*world.fs, "/proc/self/statm"); statm.ok()) {
    uint64_t pages = 0;
    size_t at = statm->find(' ') + 1;
    std::from_chars(statm->data() + at, statm->data() + statm->size(), pages);
    m.gauge("demilune_process_resident_bytes", "Memory of the process that is resident")
        .set(whole(pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))));
  }
  if (auto fds = world.fs->list("/proc/self/fd"); fds.ok())
    m.gauge("demilune_process_open_fds", "Open file descriptors").set(whole(fds->size()));
}

std::string Node::Parts::scrape() {
  std::lock_guard lock(collecting);
  metrics
      ->gauge("demilune_info", "1; what runs here",
              {{"version", config.version}, {"role", is_hub() ? "hub" : "device"}})
      .set(1);
  collect_store();
  collect_damage();
  collect_links();
  collect_jobs();
  collect_process();
  collect_limits();
  collect_admission();
  return metrics->exposition();
}

}  // namespace dl::node
