#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compute/object_access.h"
#include "storage/file_system.h"

namespace dl::compute::testing {

// Buckets as maps, for tests: "bucket/key" to content. A principal listed in `denied` gets nothing.
class MapObjects : public ObjectAccess {
 public:
  explicit MapObjects(storage::FileSystem& fs) : fs_(fs) {}
  void put(const std::string& name, const Bytes& content) {
    std::scoped_lock lock(m_);
    objects_[name] = content;
  }
  std::optional<Bytes> get(const std::string& name) const {
    std::scoped_lock lock(m_);
    auto it = objects_.find(name);
    return it == objects_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<std::string> names() const {
    std::scoped_lock lock(m_);
    std::vector<std::string> out;
    for (const auto& [name, content] : objects_) out.push_back(name);
    return out;
  }
  void fail(std::optional<Code> code) {
    std::scoped_lock lock(m_);
    fail_ = code;
  }

  Result<std::vector<Entry>> list(const std::string& principal, const std::string& bucket, const Bytes& prefix,
                                  size_t limit) override {
    std::scoped_lock lock(m_);
    DL_OK(check(principal));
    std::vector<Entry> out;
    std::string start = bucket + "/";
    for (const auto& [name, content] : objects_)
      if (name.starts_with(start + prefix)) out.push_back({name.substr(start.size()), content.size()});
    if (out.size() > limit) return error(Code::kTooLarge, "too many objects");
    return out;
  }
  Result<void> get_to_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                           const std::string& path) override {
    std::scoped_lock lock(m_);
    DL_OK(check(principal));
    auto it = objects_.find(bucket + "/" + key);
    if (it == objects_.end()) return error(Code::kNotFound, "no such object");
    return storage::write_file_atomic(fs_, path, it->second, 0644);
  }
  Result<void> put_from_file(const std::string& principal, const std::string& bucket, const Bytes& key,
                             const std::string& path) override {
    std::scoped_lock lock(m_);
    DL_OK(check(principal));
    DL_TRY(auto content, storage::read_file(fs_, path, 1 << 20));
    objects_[bucket + "/" + key] = content;
    return {};
  }

 private:
  Result<void> check(const std::string& principal) const {
    if (fail_) return error(*fail_, "objects fail");
    if (principal != "user/alice") return error(Code::kDenied, principal + " may not");
    return {};
  }
  storage::FileSystem& fs_;
  mutable std::mutex m_;
  std::map<std::string, Bytes> objects_;
  std::optional<Code> fail_;
};

}  // namespace dl::compute::testing
