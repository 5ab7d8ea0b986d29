#include "base/settings.h"

namespace dl {
namespace {

using enum SettingType;

// One row a setting, sorted: key, type, default, what it is, range. docs/settings.md is made from it.
constexpr SettingInfo kSettings[] = {
    {"admission.bodies", kSize, "256MiB",
     "Memory for bodies on their way in, and as much for those out, 256 KiB each at most; more get 503, and no "
     "principal gets more than "
     "four "
     "times what it leaves free.",
     "1MiB..1TiB"},
    {"admission.commit_age", kDuration, "5s", "Writes get 503 while a commit has taken longer than this; 0ms: never.",
     "0ms..10m"},
    {"admission.lease", kDuration, "250ms",
     "A request that takes longer gives its turn to those that wait, and goes on.", "10ms..1m"},
    {"admission.longest_wait", kDuration, "3s", "A request that has waited so long for its turn gets 503.", "10ms..5m"},
    {"admission.running", kNumber, "128", "S3 requests that run at the same time; principals take turns.", "1..65536"},
    {"admission.waiting", kNumber, "16384",
     "S3 requests that wait for their turn; more get 503, and no principal gets more than four times what it leaves "
     "free.",
     "0..1000000"},
    {"audit.queue", kNumber, "10000", "Audit records of reads and refusals that wait to be written; more get 503.",
     "100..1000000"},
    {"audit.queue_size", kSize, "8MiB", "Memory for these.", "64KiB..1GiB"},
    {"compute.log_size", kSize, "16MiB", "Kept of what one workload printed.", "64KiB..1TiB"},
    {"compute.workers", kNumber, "2", "Workloads that are started or collected at the same time.", "1..64"},
    {"fleet.lease_days", kNumber, "400",
     "Days for which devices get keys to check signatures with; renewed at each contact.", "1..480"},
    {"http.body_wait", kDuration, "60s", "How long a client may send no byte of a body that is being read.", "1s..1h"},
    {"http.drain", kDuration, "10s", "What running requests are granted when the node stops.", "0ms..1h"},
    {"http.handshake", kDuration, "10s", "How long a TLS handshake may take.", "1s..5m"},
    {"http.head", kDuration, "10s", "From a request's first byte to the end of its headers.", "1s..5m"},
    {"http.idle", kDuration, "75s", "How long a connection may be silent between requests.", "1s..1h"},
    {"http.max_connections", kNumber, "4096", "Open connections of one server; further ones get 503.", "8..1000000"},
    {"http.write_wait", kDuration, "60s", "How long a client may take no byte of an answer.", "1s..1h"},
    {"link.hub_address", kText, "",
     "HOST:PORT at which devices reach this hub; empty: what the link listens on, if that is one address."},
    {"link.max_connections", kNumber, "4096", "Open connections of the device link; each device has two.",
     "4..1000000"},
    {"listen.admin", kText, "", "ADDRESS:PORT of administration; empty: 7444, on loopback at a device."},
    {"listen.data", kText, "", "ADDRESS:PORT of S3; empty: 7443, on loopback at a device."},
    {"listen.insecure_http", kText, "", "ADDRESS:PORT of a plain S3 listener, on loopback only; empty: none."},
    {"listen.link", kText, "", "ADDRESS:PORT of the device link; empty: 7445 at a hub, none at a device."},
    {"log.level", kText, "info", "What is told.", "debug|info|warn|error"},
    {"objects.cache", kSize, "32MiB", "Memory for small objects, and what describes objects, that were read; 0: none.",
     "0..1TiB"},
    {"registry.max_entries", kNumber, "2000000", "Files of all layers of one image.", "1..100000000"},
    {"registry.max_image", kSize, "16GiB", "All parts of one image.", "1MiB..5TiB"},
    {"registry.max_unpacked", kSize, "64GiB", "One image, unpacked.", "1MiB..64TiB"},
    {"runtime.loops", kNumber, "0", "Event loops; 0: one for each core, at least two.", "0..256"},
    {"runtime.pool", kNumber, "16", "Threads for blocking work.", "1..1024"},
    {"runtime.pool_queue", kNumber, "4096", "Blocking work that waits for a thread; more gets 503.", "16..1000000"},
    {"s3.region", kText, "us-east-1", "Region of a hub; a device's region is its name."},
    {"storage.cache", kSize, "32MiB", "Memory for blocks of the database that were read.", "1MiB..1TiB"},
    {"storage.group", kNumber, "1024", "Steps that become durable with one sync, at most.", "1..65536"},
    {"storage.group_size", kSize, "8MiB", "No further step joins a group that holds this much.", "64KiB..1GiB"},
    {"storage.inline", kSize, "16KiB", "Bodies up to this size are stored beside their record.", "0..1MiB"},
    {"storage.log", kSize, "128MiB", "Write-ahead log of a partition; beyond it the oldest rows are written out.",
     "1MiB..64GiB"},
    {"storage.open_files", kNumber, "256", "Files of the database that a partition holds open.", "16..100000"},
    {"storage.queue", kNumber, "4096", "Steps that wait for a partition's committer; more get 503.", "64..1000000"},
    {"storage.reclaim_rate", kSize, "16MiB", "Copied a second out of segments that are mostly dead, at most.",
     "64KiB..64GiB"},
    {"storage.reserve", kNumber, "5", "Percent of the disk that writes leave free, for deletes, audit and the engine.",
     "0..50"},
    {"storage.reserve_size", kSize, "256MiB", "The least of that reserve; at most a quarter of the disk counts.",
     "0..1TiB"},
    {"storage.scrub_interval", kDuration, "7d",
     "From the end of one reading of all that is stored to the beginning of the next; 0s: it is never read.",
     "0s..3650d"},
    {"storage.scrub_rate", kSize, "8MiB", "Bytes a second that this reading takes at most.", "64KiB..64GiB"},
    {"storage.segment", kSize, "256MiB", "A segment file of this size is left and the next one begun.", "64MiB..16GiB"},
    {"storage.write_buffer", kSize, "32MiB",
     "Memory for rows that are not yet in tables; up to three of it a partition.", "64KiB..4GiB"},
    {"tls.certificate_file", kText, "", "The operator's own certificate chain, PEM; empty: the node issues its own."},
    {"tls.key_file", kText, "", "The key of tls.certificate_file, PEM."},
    {"tls.names", kList, "", "Further DNS names and addresses in the certificate that the node issues to itself."},
};

}  // namespace

std::span<const SettingInfo> settings_table() { return kSettings; }

}  // namespace dl
