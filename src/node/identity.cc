#include "node/identity.h"

#include <algorithm>
#include <array>

#include <unistd.h>

#include "format/keys.h"

namespace dl::node {
namespace {

Bytes contact_key() { return Bytes(1, static_cast<char>(format::RowType::kTable)) + "node/contact"; }
Bytes identity_key() { return Bytes(1, static_cast<char>(format::RowType::kTable)) + "node/identity"; }

Result<crypto::Authority> ensure_authority(NodeKeys& keys, const char* key_name, const char* certificate_name,
                                           const std::string& common_name, crypto::Validity validity, Random& random) {
  auto key = keys.find(key_name);
  auto certificate = keys.find(certificate_name);
  if (!key || !certificate) {
    DL_TRY(auto made, crypto::make_authority(common_name, validity, random));
    DL_OK(keys.change([&](crypto::KeyRing& ring) -> Result<void> {
      ring.set(key_name, made.key.der());
      ring.set(certificate_name, made.certificate.der());
      return {};
    }));
    return made;
  }
  DL_TRY(auto private_key, crypto::PrivateKey::from_der(*key));
  DL_TRY(auto cert, crypto::Certificate::from_der(*certificate));
  return crypto::Authority{cert, private_key};
}

}  // namespace

Result<std::optional<format::NodeIdentity>> load_identity(storage::Partition& partition) {
  DL_TRY(auto row, partition.get(identity_key()));
  if (!row) return std::optional<format::NodeIdentity>();
  DL_TRY(auto identity, format::decode_node_identity(*row));
  return std::optional(std::move(identity));
}

Result<void> store_identity(storage::Partition& partition, const format::NodeIdentity& identity) {
  return partition.commit_wait([&](storage::Batch& batch) -> Result<void> {
    batch.put(identity_key(), format::encode(identity));
    return {};
  });
}

Result<std::optional<WallTime>> load_contact(storage::Partition& partition) {
  DL_TRY(auto row, partition.get(contact_key()));
  if (!row) return std::optional<WallTime>();
  if (row->size() != 8) return error(Code::kCorrupt, "the row of the last contact is damaged");
  return std::optional(WallTime(Millis(static_cast<int64_t>(get_be64(*row)))));
}

Result<void> store_contact(storage::Partition& partition, WallTime heard) {
  Bytes row;
  put_be64(row, static_cast<uint64_t>(heard.time_since_epoch().count()));
  return partition.commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        batch.put(contact_key(), row);
        return {};
      },
      storage::Purpose::kFree);
}

format::NodeIdentity new_hub_identity(const std::string& name, const std::string& region, Random& random) {
  format::NodeIdentity identity;
  identity.role = format::NodeRole::kHub;
  identity.name = name;
  identity.device_id = random.id<DeviceId>();
  identity.node = random.id<NodeId>();
  identity.space_id_key = random.bytes(32);
  identity.region = region;
  identity.hub_name = name;
  identity.hub_id = identity.device_id;
  return identity;
}

Result<std::unique_ptr<storage::LocalStore>> open_store(storage::FileSystem& fs, const std::string& dir, NodeKeys& keys,
                                                        const Clock& clock, Random& random,
                                                        const storage::LocalLimits& limits) {
  std::vector<storage::PartitionKeys> partitions;
  for (const char* name : {"control", "default"}) {
    storage::PartitionKeys p;
    p.name = name;
    DL_TRY(p.kv_key, keys.ensure_key(crypto::ring::partition_files(name)));
    DL_TRY(p.body_key, keys.ensure_key(crypto::ring::partition_bodies(name)));
    partitions.push_back(std::move(p));
  }
  return storage::open_local_store(fs, dir, std::move(partitions), clock, random, limits);
}

Result<crypto::Authority> ensure_own_authority(NodeKeys& keys, const std::string& name, const Clock&, Random& random) {
  return ensure_authority(keys, crypto::ring::kCaKey, crypto::ring::kCaCertificate, "Demilune CA of " + name,
                          crypto::Validity::always(), random);
}

Result<crypto::Authority> ensure_link_authority(NodeKeys& keys, const std::string& name, Random& random) {
  return ensure_authority(keys, crypto::ring::kLinkCaKey, crypto::ring::kLinkCaCertificate,
                          "Demilune link CA of " + name, crypto::Validity::always(), random);
}

Result<crypto::PrivateKey> ensure_device_key(NodeKeys& keys, Random& random) {
  if (auto der = keys.find(crypto::ring::kDeviceKey)) return crypto::PrivateKey::from_der(*der);
  auto key = crypto::PrivateKey::generate(random);
  DL_OK(keys.change([&](crypto::KeyRing& ring) -> Result<void> {
    ring.set(crypto::ring::kDeviceKey, key.der());
    return {};
  }));
  return key;
}

Result<net::TlsIdentity> issue_server_identity(const crypto::Authority& authority,
                                               const std::vector<std::string>& names, const Clock& clock,
                                               Random& random) {
  auto key = crypto::PrivateKey::generate(random);
  DL_TRY(auto certificate,
         crypto::issue_server(authority, key.public_key(), names,
                              crypto::Validity::days(clock.wall(), crypto::kServerCertificateDays), random));
  return net::TlsIdentity{certificate.pem() + authority.certificate.pem(), key.pem()};
}

std::vector<std::string> server_names(const std::vector<std::string>& extra) {
  std::vector<std::string> names{"localhost"};
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') names.emplace_back(host.data());
  names.insert(names.end(), {"127.0.0.1", "::1"});
  for (const auto& name : extra)
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

}  // namespace dl::node
