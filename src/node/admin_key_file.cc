#include "node/admin_key_file.h"

#include "base/log.h"

namespace dl::node {

Result<std::unique_ptr<AdminKeyFile>> AdminKeyFile::prepare(storage::FileSystem& fs, std::string path) {
  const std::string next = "Name a file in a directory that exists and can be written. No key was made.";
  std::unique_ptr<AdminKeyFile> file(new AdminKeyFile(fs, std::move(path)));
  DL_TRY(bool directory, fs.is_dir(file->path_));
  if (directory)
    return error(Code::kExists, "the file of the administrator's key, " + file->path_ + ", is a directory", next);
  // As many bytes as will be written, so that a full disk shows now, too.
  auto done = file->put(Bytes(256, '\n'));
  if (!done.ok()) {
    Error e = std::move(done).error().within("the file of the administrator's key");
    e.next = next;
    return e;
  }
  return file;
}

AdminKeyFile::~AdminKeyFile() {
  if (done_) return;
  auto there = fs_.exists(temporary());
  if (there.ok() && !*there) return;
  auto removed = fs_.remove(temporary());
  if (!removed.ok()) log_warn("node", "{} is left over: {}", temporary(), removed.error().message);
}

Result<void> AdminKeyFile::put(BytesView content) {
  DL_TRY(auto file, fs_.open_write(temporary(), storage::OpenMode::kCreateOrTruncate, 0600));
  DL_OK(file->append(content));
  return file->sync();
}

Result<void> AdminKeyFile::write(const std::string& id, const std::string& secret) {
  auto done = storage::write_file_atomic(
      fs_, path_, "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n", 0600);
  if (done.ok()) {
    done_ = true;
    return {};
  }
  Error e =
      std::move(done).error().within("the administrator's key " + id + " was made, and its file could not be written");
  e.next =
      "Start the node again and, on this machine, make another key: `demilune key create admin --file FILE`, then "
      "`demilune key delete " +
      id + "`.";
  return e;
}

}  // namespace dl::node
