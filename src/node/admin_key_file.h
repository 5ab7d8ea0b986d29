#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/file_system.h"

namespace dl::node {

// The file that the administrator's first key goes into: an AWS credentials file, mode 0600. It is prepared before the
// key is made, so that a path that cannot be written refuses the start and not the secret. What was prepared and not
// written is removed. The file system outlives it.
class AdminKeyFile {
 public:
  // Errors: kExists (a directory), what opening and writing say.
  static Result<std::unique_ptr<AdminKeyFile>> prepare(storage::FileSystem& fs, std::string path);
  ~AdminKeyFile();
  AdminKeyFile(const AdminKeyFile&) = delete;
  AdminKeyFile& operator=(const AdminKeyFile&) = delete;

  // Durable when it returns. The key is made by now: an error says how to go on without its secret.
  Result<void> write(const std::string& id, const std::string& secret);

 private:
  AdminKeyFile(storage::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  Result<void> put(BytesView content);
  std::string temporary() const { return path_ + ".tmp"; }
  storage::FileSystem& fs_;
  const std::string path_;
  bool done_ = false;
};

}  // namespace dl::node
