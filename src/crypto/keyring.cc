#include "crypto/keyring.h"

#include "base/assert.h"
#include "crypto/cipher.h"

namespace dl::crypto {
namespace {

constexpr BytesView kMagic = "DLRING";
constexpr uint16_t kVersion = 1;
constexpr size_t kIdBytes = 16, kCheckBytes = 16;
constexpr size_t kHeaderBytes = 6 + 2 + kIdBytes + kCheckBytes;

Bytes seal_key(BytesView root, BytesView id) { return hkdf_sha256(root, id, "demilune ring seal", kAesKeyBytes); }
Bytes root_check(BytesView root, BytesView id) { return hkdf_sha256(root, id, "demilune ring check", kCheckBytes); }

Error damaged(const char* what) {
  return error(Code::kCorrupt, std::string("the key ring is damaged: ") + what, "restore keys/ring from a backup");
}

// Takes a length of `width` bytes and that many bytes off the front; nullopt when they are not there.
std::optional<Bytes> take(BytesView& rest, size_t width, size_t limit) {
  if (rest.size() < width) return std::nullopt;
  size_t size = width == 2 ? get_be16(rest) : get_be32(rest);
  rest.remove_prefix(width);
  if (size > limit || rest.size() < size) return std::nullopt;
  Bytes out(rest.substr(0, size));
  rest.remove_prefix(size);
  return out;
}

Bytes encode_entries(uint64_t revision, const std::map<std::string, Bytes>& entries) {
  Bytes out;
  put_be64(out, revision);
  for (const auto& [name, value] : entries) {
    put_be16(out, static_cast<uint16_t>(name.size()));
    out += name;
    put_be32(out, static_cast<uint32_t>(value.size()));
    out += value;
  }
  return out;
}

}  // namespace

KeyRing::~KeyRing() {
  for (auto& [name, value] : entries_) wipe(value);
}

KeyRing KeyRing::make(Random& random) {
  KeyRing ring;
  ring.id_ = random.bytes(kIdBytes);
  return ring;
}

Result<KeyRing> KeyRing::open(BytesView root, BytesView file) {
  DL_REQUIRE(root.size() == kRootKeyBytes, "root key size");
  if (!file.starts_with(kMagic)) return error(Code::kForeign, "this is not a key ring", "check keys/ring");
  if (file.size() > kMaxRingBytes || file.size() < kHeaderBytes + kGcmNonceBytes + kGcmTagBytes) return damaged("size");
  uint16_t version = get_be16(file.substr(kMagic.size()));
  if (version != kVersion)
    return error(Code::kUnsupported, "key ring of version " + std::to_string(version) + "; this program knows 1",
                 "use a newer demilune");
  BytesView header = file.substr(0, kHeaderBytes), nonce = file.substr(kHeaderBytes, kGcmNonceBytes);
  BytesView id = header.substr(8, kIdBytes);
  if (!equal_constant_time(root_check(root, id), header.substr(8 + kIdBytes)))
    return error(Code::kForeign, "keys/root is not the root key of keys/ring, or one of them is damaged",
                 "put back both files as they belong to this directory; they cannot be made anew");
  auto plain = aes256_gcm_open(seal_key(root, id), nonce, header, file.substr(kHeaderBytes + kGcmNonceBytes));
  if (!plain.ok()) return damaged("it does not authenticate");

  KeyRing ring;
  ring.id_ = Bytes(id);
  ring.changed_ = false;
  BytesView rest = *plain;
  if (rest.size() < 8) return damaged("no revision");
  ring.revision_ = get_be64(rest);
  rest.remove_prefix(8);
  while (!rest.empty()) {
    auto name = take(rest, 2, kMaxRingNameBytes);
    auto value = name ? take(rest, 4, kMaxRingValueBytes) : std::nullopt;
    if (!value || name->empty()) return damaged("an entry");
    if (!ring.entries_.empty() && *name <= ring.entries_.rbegin()->first) return damaged("the order of its entries");
    ring.entries_.emplace_hint(ring.entries_.end(), std::move(*name), std::move(*value));
  }
  wipe(*plain);
  return ring;
}

Result<Bytes> KeyRing::seal(BytesView root, Random& random) {
  DL_REQUIRE(root.size() == kRootKeyBytes, "root key size");
  Bytes plain = encode_entries(revision_ + 1, entries_);
  Bytes file(kMagic);
  put_be16(file, kVersion);
  file += id_ + root_check(root, id_);
  Bytes nonce = random.bytes(kGcmNonceBytes);
  Bytes sealed = aes256_gcm_seal(seal_key(root, id_), nonce, file, plain);
  wipe(plain);
  file += nonce + sealed;
  if (file.size() > kMaxRingBytes) return error(Code::kTooLarge, "the key ring would be over 1 MiB");
  revision_++;
  changed_ = false;
  return file;
}

std::optional<Bytes> KeyRing::find(const std::string& name) const {
  auto it = entries_.find(name);
  if (it == entries_.end()) return std::nullopt;
  return it->second;
}

Result<Bytes> KeyRing::get(const std::string& name) const {
  auto it = entries_.find(name);
  if (it == entries_.end()) return error(Code::kNotFound, "the key ring has no '" + name + "'");
  return it->second;
}

Bytes KeyRing::ensure_key(const std::string& name, Random& random) {
  if (auto it = entries_.find(name); it != entries_.end()) return it->second;
  set(name, random.bytes(kRingKeyBytes));
  return entries_.at(name);
}

void KeyRing::set(const std::string& name, Bytes value) {
  DL_REQUIRE(!name.empty() && name.size() <= kMaxRingNameBytes, "ring name size");
  DL_REQUIRE(value.size() <= kMaxRingValueBytes, "ring value size");
  entries_[name] = std::move(value);
  changed_ = true;
}

bool KeyRing::remove(const std::string& name) {
  auto it = entries_.find(name);
  if (it == entries_.end()) return false;
  wipe(it->second);
  entries_.erase(it);
  changed_ = true;
  return true;
}

}  // namespace dl::crypto
