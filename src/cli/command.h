#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/api.h"
#include "cli/cli.h"
#include "cli/output.h"

// A command as data: the parser, the help, docs/cli.md and the tests are made from it.
namespace dl::cli {

struct Session;
class S3;
class Args;

enum class Take : uint8_t { kFlag, kValue, kList };

struct Option {
  std::string_view name;  // "--expires"
  Take take = Take::kValue;
  std::string_view value;  // what stands for the value in the help: "TIME"
  std::string_view help;
  bool required = false;
};
struct Positional {
  std::string_view name;  // "NAME"
  std::string_view help;
  enum class Count : uint8_t { kOne, kOptional, kMany } count = Count::kOne;
};

struct Command {
  std::string_view path;  // "device invite"
  std::string_view summary;
  std::string_view detail;
  std::string_view example;
  std::vector<Positional> positionals;
  std::vector<Option> options;
  Result<int> (*run)(Session&, const Args&) = nullptr;
};

// What was given, by name: "--expires" and "NAME" alike.
class Args {
 public:
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  std::string text(std::string_view name, std::string_view fallback = {}) const;
  std::vector<std::string> list(std::string_view name) const;
  void add(std::string_view name, std::string value) { values_[std::string(name)].push_back(std::move(value)); }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// What every command understands.
struct GlobalOptions {
  std::string data_dir;  // --data-dir, DEMILUNE_DATA_DIR, /var/lib/demilune
  std::string endpoint;  // https://A:P of an administration port; empty: the local socket
  std::string ca;        // file with that node's CA
  std::string region;    // of that node, for signing; empty: AWS_REGION
  std::string output;    // table, json, yaml, name
};

// One run of one command.
struct Session {
  GlobalOptions global;
  const Hooks* hooks = nullptr;
  Output out;
  std::function<Result<std::unique_ptr<Api>>(const GlobalOptions&)> connect;
  std::function<Result<std::unique_ptr<S3>>(Session&)> connect_s3;
  std::function<void(Millis)> wait;
  std::function<std::string()> read_line;  // standard input
  std::function<std::optional<std::string>(const char*)> environment;

  // Connects at the first use. Errors: kUnavailable when nobody answers.
  Result<Api*> api();
  Result<format::Json> get(const std::string& path);
  Result<format::Json> send(std::string_view method, const std::string& path, format::Json body = {});

 private:
  std::unique_ptr<Api> api_;
};

const std::vector<Command>& commands();

// One list a file of commands/.
std::vector<Command> node_commands();
std::vector<Command> check_commands();
std::vector<Command> device_commands();
std::vector<Command> bucket_commands();
std::vector<Command> object_commands();
std::vector<Command> sync_commands();
std::vector<Command> conflict_commands();
std::vector<Command> image_commands();
std::vector<Command> job_commands();
std::vector<Command> user_commands();
std::vector<Command> record_commands();
std::vector<Command> config_commands();
std::vector<Command> program_commands();

struct S3Uri {
  std::string bucket, key;  // key: may be empty, or end with '/'
};
// "s3://BUCKET/KEY". kInvalid.
Result<S3Uri> parse_s3_uri(const std::string& text);
// "24h", "30m", "10s", "7d", "500ms". kInvalid.
Result<Millis> parse_duration(std::string_view text);
// "512M", "1G", "4096": powers of 1024. kInvalid.
Result<uint64_t> parse_size(std::string_view text);

}  // namespace dl::cli
