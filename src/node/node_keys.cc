#include "node/node_keys.h"

#include "crypto/cipher.h"

namespace dl::node {
namespace {

constexpr unsigned kDirMode = 0700, kFileMode = 0600;

std::string root_path(const std::string& dir) { return dir + "/keys/root"; }
std::string ring_path(const std::string& dir) { return dir + "/keys/ring"; }

Error foreign_root(const std::string& why) {
  return error(Code::kForeign, why,
               "Put back the keys/ folder that belongs to this directory; without it the data cannot be read.");
}

// What is missing beside other files: the keys of a node, or there was never a node.
Result<void> keys_missing(storage::FileSystem& fs, const std::string& dir, const std::string& file) {
  DL_TRY(bool ours, fs.exists(dir + "/FORMAT"));
  if (ours) return foreign_root(dir + " has data, but its key file " + file + " is missing");
  return error(Code::kForeign, dir + " is not empty and is no Demilune data directory",
               "Name another directory. Nothing was touched.");
}

// The root is durable, with its directories, before anything that it protects exists.
Result<Bytes> make_root(storage::FileSystem& fs, const std::string& dir, Random& random) {
  DL_OK(storage::make_dirs(fs, dir, kDirMode));
  DL_OK(storage::make_dirs(fs, dir + "/keys", kDirMode));
  DL_OK(fs.sync_dir(dir));
  Bytes root = random.bytes(crypto::kRootKeyBytes);
  DL_OK(storage::write_file_atomic(fs, root_path(dir), root, kFileMode));
  return root;
}

}  // namespace

NodeKeys::NodeKeys(storage::FileSystem& fs, std::string dir, Random& random, Bytes root, crypto::KeyRing ring)
    : fs_(fs), dir_(std::move(dir)), random_(random), root_(std::move(root)), ring_(std::move(ring)) {}

Result<bool> NodeKeys::is_fresh(storage::FileSystem& fs, const std::string& dir) {
  DL_TRY(bool there, fs.exists(dir));
  if (!there) return true;
  DL_TRY(auto names, fs.list(dir));
  for (const auto& name : names) {
    // `keys` alone is what a first start leaves that ended between its root and its data.
    if (name != "keys" && name != "lost+found") return false;
  }
  return true;
}

Result<std::unique_ptr<NodeKeys>> NodeKeys::open_or_make(storage::FileSystem& fs, const std::string& dir,
                                                         Random& random) {
  DL_TRY(bool fresh, is_fresh(fs, dir));
  DL_TRY(bool has_root, fs.exists(root_path(dir)));
  if (!has_root && !fresh) DL_OK(keys_missing(fs, dir, "keys/root"));
  Bytes root;
  if (has_root) {
    DL_TRY(root, storage::read_file(fs, root_path(dir), 4096));
    if (root.size() != crypto::kRootKeyBytes) return foreign_root("keys/root in " + dir + " is no root key");
  } else {
    DL_TRY(root, make_root(fs, dir, random));
  }
  DL_TRY(bool has_ring, fs.exists(ring_path(dir)));
  if (!has_ring && !fresh) DL_OK(keys_missing(fs, dir, "keys/ring"));
  if (has_ring) {
    DL_TRY(auto file, storage::read_file(fs, ring_path(dir), crypto::kMaxRingBytes + 4096));
    DL_TRY(auto ring, crypto::KeyRing::open(root, file));
    return std::unique_ptr<NodeKeys>(new NodeKeys(fs, dir, random, std::move(root), std::move(ring)));
  }
  std::unique_ptr<NodeKeys> keys(new NodeKeys(fs, dir, random, std::move(root), crypto::KeyRing::make(random)));
  std::lock_guard lock(keys->m_);
  DL_OK(keys->save());
  return keys;
}

Result<void> NodeKeys::save() {
  DL_TRY(auto file, ring_.seal(root_, random_));
  return storage::write_file_atomic(fs_, ring_path(dir_), file, kFileMode);
}

Result<Bytes> NodeKeys::ensure_key(const std::string& name) {
  std::lock_guard lock(m_);
  Bytes key = ring_.ensure_key(name, random_);
  if (ring_.changed()) DL_OK(save());
  return key;
}

Result<Bytes> NodeKeys::get(const std::string& name) const {
  std::lock_guard lock(m_);
  return ring_.get(name);
}

std::optional<Bytes> NodeKeys::find(const std::string& name) const {
  std::lock_guard lock(m_);
  return ring_.find(name);
}

Result<void> NodeKeys::change(const std::function<Result<void>(crypto::KeyRing&)>& change) {
  std::lock_guard lock(m_);
  DL_OK(change(ring_));
  if (ring_.changed()) DL_OK(save());
  return {};
}

}  // namespace dl::node
