#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "storage/file_system.h"

namespace dl::node {

// The keys of one data directory: `keys/root` and `keys/ring` (data model, "Keys"). The root is made once, in an empty
// directory, and durable before anything else; it is never made anew. Thread-safe.
class NodeKeys {
 public:
  // Whether DIR is fit for a first start: absent, empty, or left by a first start that ended before it wrote data.
  static Result<bool> is_fresh(storage::FileSystem& fs, const std::string& dir);
  // Opens, or makes them when the directory is fresh. Errors: kForeign (root missing or of another directory),
  // kCorrupt, kIo.
  static Result<std::unique_ptr<NodeKeys>> open_or_make(storage::FileSystem& fs, const std::string& dir,
                                                        Random& random);

  // The 32 bytes under a name, made and durable when absent.
  Result<Bytes> ensure_key(const std::string& name);
  Result<Bytes> get(const std::string& name) const;
  std::optional<Bytes> find(const std::string& name) const;
  // Durable when it returns.
  Result<void> change(const std::function<Result<void>(crypto::KeyRing&)>& change);

 private:
  NodeKeys(storage::FileSystem& fs, std::string dir, Random& random, Bytes root, crypto::KeyRing ring);
  Result<void> save();  // under m_
  storage::FileSystem& fs_;
  std::string dir_;
  Random& random_;
  mutable std::mutex m_;
  Bytes root_;
  crypto::KeyRing ring_;
};

}  // namespace dl::node
