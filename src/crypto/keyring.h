#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

namespace dl::crypto {

inline constexpr size_t kRootKeyBytes = 32;
inline constexpr size_t kRingKeyBytes = 32;
inline constexpr size_t kMaxRingBytes = 1024 * 1024;
inline constexpr size_t kMaxRingNameBytes = 200;
inline constexpr size_t kMaxRingValueBytes = 16 * 1024;

// Names in a ring. Random keys have 32 bytes, key pairs are PKCS #8 DER, certificates DER.
namespace ring {
inline constexpr char kCaKey[] = "ca/key";
inline constexpr char kCaCertificate[] = "ca/certificate";
inline constexpr char kLinkCaKey[] = "link-ca/key";
inline constexpr char kLinkCaCertificate[] = "link-ca/certificate";
inline constexpr char kDeviceKey[] = "device/key";
inline constexpr char kUserSecrets[] = "users/secrets";
inline std::string partition_files(const std::string& partition) { return "partition/" + partition + "/files"; }
inline std::string partition_bodies(const std::string& partition) { return "partition/" + partition + "/bodies"; }
}  // namespace ring

// All keys of a node by name: the file `keys/ring`, sealed under the 32 random bytes of `keys/root`. Only bytes here;
// who holds a ring reads and replaces the file. Move-only, one thread at a time; wipes what it held.
//
// The file (version 1), all integers big-endian:
//   "DLRING" | u16 version = 1 | ring id, 16 random bytes | root check, 16 | nonce, 12 | AES-256-GCM of the entries
// The GCM key is HKDF-SHA-256(root, salt = ring id, "demilune ring seal"), the associated data all before the nonce.
// The root check, HKDF(root, salt = ring id, "demilune ring check"), tells a foreign root from damage. The entries: u64
// revision | for each, sorted by name: u16 size, name, u32 size, value.
class KeyRing {
 public:
  // An empty ring with a new id.
  static KeyRing make(Random& random);
  // Errors: kForeign (another root, or not a ring), kUnsupported (a newer version), kCorrupt.
  // Precondition: root has 32 bytes.
  static Result<KeyRing> open(BytesView root, BytesView file);
  ~KeyRing();
  KeyRing(KeyRing&&) noexcept = default;
  KeyRing& operator=(KeyRing&&) noexcept = default;

  // The file's new bytes, one revision later; to be durable before any key of it is used.
  // Errors: kTooLarge over kMaxRingBytes.
  Result<Bytes> seal(BytesView root, Random& random);

  std::optional<Bytes> find(const std::string& name) const;
  Result<Bytes> get(const std::string& name) const;  // kNotFound
  // The 32 bytes under that name, made when absent (then changed() is true).
  Bytes ensure_key(const std::string& name, Random& random);
  // Preconditions: a name of 1 to kMaxRingNameBytes, a value of at most kMaxRingValueBytes.
  void set(const std::string& name, Bytes value);
  bool remove(const std::string& name);      // whether it was there: destroys the key with the next seal()
  bool changed() const { return changed_; }  // since open() or seal()
  uint64_t revision() const { return revision_; }
  const Bytes& id() const { return id_; }

 private:
  KeyRing() = default;
  Bytes id_;
  uint64_t revision_ = 0;
  bool changed_ = true;
  std::map<std::string, Bytes> entries_;
};

}  // namespace dl::crypto
