#include "base/settings.h"

namespace dl {
namespace {

using enum SettingType;

constexpr SettingInfo kSettings[] = {
    {"fleet.lease_days", kNumber, "400",
     "Days for which devices get keys to check signatures with; renewed at each contact."},
    {"http.drain", kDuration, "10s", "What running requests are granted when the node stops."},
    {"http.idle", kDuration, "75s", "How long a connection may be silent between requests."},
    {"http.max_connections", kNumber, "4096", "Open connections of one server; further ones get 503."},
    {"link.hub_address", kText, "",
     "HOST:PORT at which devices reach this hub; empty: what the link listens on, if that is one address."},
    {"listen.admin", kText, "", "ADDRESS:PORT of administration; empty: 7444, on loopback at a device."},
    {"listen.data", kText, "", "ADDRESS:PORT of S3; empty: 7443, on loopback at a device."},
    {"listen.insecure_http", kText, "", "ADDRESS:PORT of a plain S3 listener, on loopback only; empty: none."},
    {"listen.link", kText, "", "ADDRESS:PORT of the device link; empty: 7445 at a hub, none at a device."},
    {"log.level", kText, "info", "debug, info, warn or error."},
    {"objects.cache", kSize, "16MiB", "Memory for small objects, and what describes objects, that were read; 0: none."},
    {"registry.max_entries", kNumber, "2000000", "Files of all layers of one image."},
    {"registry.max_image", kSize, "16GiB", "All parts of one image."},
    {"registry.max_unpacked", kSize, "64GiB", "One image, unpacked."},
    {"runtime.loops", kNumber, "0", "Event loops; 0: one for each core."},
    {"runtime.pool", kNumber, "16", "Threads for blocking work."},
    {"s3.region", kText, "us-east-1", "Region of a hub; a device's region is its name."},
    {"storage.cache", kSize, "32MiB", "Memory for blocks of the database that were read."},
    {"storage.inline", kSize, "16KiB", "Bodies up to this size are stored beside their record."},
    {"storage.write_buffer", kSize, "32MiB",
     "Memory for rows that are not yet in tables; up to three of it a partition."},
    {"tls.certificate_file", kText, "", "The operator's own certificate chain, PEM; empty: the node issues its own."},
    {"tls.key_file", kText, "", "The key of tls.certificate_file, PEM."},
    {"tls.names", kList, "", "Further DNS names and addresses in the certificate that the node issues to itself."},
};

}  // namespace

std::span<const SettingInfo> settings_table() { return kSettings; }

}  // namespace dl
