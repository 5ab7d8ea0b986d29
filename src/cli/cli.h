#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/json.h"

// The commands: clients of the node's public interfaces like anyone else.
namespace dl::cli {

// `demilune up`. Empty texts were not given: settings decide.
struct UpOptions {
  std::string data_dir;
  std::string config;
  std::string listen_data, listen_admin, listen_link;  // "A:P"
  std::string insecure_http;                           // loopback only
  std::string admin_key_file;                          // hub's first start: an AWS credentials file, mode 0600
};

// `demilune device enroll`.
struct EnrollOptions {
  std::string code;
  std::string data_dir;
};
struct Enrolled {
  std::string device, hub;
};

// `demilune demo`.
struct DemoOptions {
  bool check = false;
  bool bare = false;  // only the hub and the two devices, left running
  std::string keep;   // directory; empty: a throw-away one
};

struct LocalFinding {
  std::string level;  // "ok", "warning", "error"
  std::string subject, message, next;
};

// `demilune check`: what is not as it was written; what is not known of it is empty.
struct CheckFinding {
  std::string partition, place, bucket, key, version, message;
};
struct CheckSummary {
  uint64_t findings = 0, objects = 0, bodies = 0, files = 0, rows = 0, audit_records = 0, bytes = 0;
  uint64_t millis = 0;
};

// A file of the caller's machine, read from its beginning.
class FileReader {
 public:
  virtual ~FileReader() = default;
  virtual uint64_t size() const = 0;
  virtual Result<size_t> read(char* out, size_t size) = 0;  // 0 at the end
};
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual Result<void> write(std::string_view data) = 0;
  virtual Result<void> finish() = 0;  // without it the file does not appear
};
struct FileEntry {
  std::string path;  // relative, with '/'
  bool directory = false;
  uint64_t size = 0;
};

// The caller's files: the CLI itself opens none. Errors: kNotFound, kIo, kNoSpace.
class LocalFiles {
 public:
  virtual ~LocalFiles() = default;
  virtual Result<std::unique_ptr<FileReader>> open(const std::string& path) = 0;
  // Appears whole, by rename, when finished. mode: permission bits.
  virtual Result<std::unique_ptr<FileWriter>> create(const std::string& path, unsigned mode) = 0;
  virtual Result<bool> is_directory(const std::string& path) = 0;
  // Everything below a directory, sorted; links are not followed, other kinds are left out.
  virtual Result<std::vector<FileEntry>> list(const std::string& directory) = 0;
  virtual bool exists(const std::string& path) = 0;
};

// What the commands need of the rest of the program; `app` fills it in.
struct Hooks {
  std::function<int(const UpOptions&)> run_node;  // serves until a signal; the exit status
  std::function<Result<Enrolled>(const EnrollOptions&)> enroll_device;
  std::function<int(const DemoOptions&)> run_demo;
  std::function<std::vector<LocalFinding>(const std::string& data_dir)> local_doctor;  // when no node answers
  // The settings that `up --config FILE` would start with, as GET /api/v1/config shows them. Errors: as its start
  // would.
  std::function<Result<format::Json>(const std::string& file)> check_config;
  // Of a stopped node; changes nothing. Errors when it cannot be run.
  std::function<Result<CheckSummary>(const std::string& data_dir, const std::function<void(const CheckFinding&)>&)>
      check_data_dir;
  LocalFiles* files = nullptr;
  std::string version;
};

// The program. The exit status is contract.md's.
int main(int argc, char** argv, const Hooks& hooks);

}  // namespace dl::cli
