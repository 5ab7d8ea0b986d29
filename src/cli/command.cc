#include "cli/command.h"

#include <charconv>

namespace dl::cli {
namespace {

// A number and what stands behind it.
Result<std::pair<uint64_t, std::string_view>> number_and_unit(std::string_view text, const char* what) {
  uint64_t n = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc()) return error(Code::kInvalid, "'" + std::string(text) + "' is no " + what);
  return std::pair(n, text.substr(static_cast<size_t>(end - text.data())));
}

}  // namespace

std::string Args::text(std::string_view name, std::string_view fallback) const {
  auto it = values_.find(name);
  return std::string(it == values_.end() ? fallback : it->second.front());
}

std::vector<std::string> Args::list(std::string_view name) const {
  auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

Result<Api*> Session::api() {
  if (!api_) {
    DL_TRY(api_, connect(global));
  }
  return api_.get();
}

Result<format::Json> Session::get(const std::string& path) { return send("GET", path); }

Result<format::Json> Session::send(std::string_view method, const std::string& path, format::Json body) {
  DL_TRY(auto* node, api());
  return node->call(method, path, body);
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = [] {
    std::vector<Command> out;
    for (auto part : {node_commands(), check_commands(), device_commands(), bucket_commands(), object_commands(),
                      sync_commands(), conflict_commands(), image_commands(), job_commands(), user_commands(),
                      record_commands(), config_commands(), program_commands()})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }();
  return all;
}

Result<S3Uri> parse_s3_uri(const std::string& text) {
  size_t slash = text.find('/', 5);
  S3Uri at;
  if (text.starts_with("s3://")) {
    at.bucket = text.substr(5, slash == std::string::npos ? slash : slash - 5);
    if (slash != std::string::npos) at.key = text.substr(slash + 1);
  }
  if (at.bucket.empty())
    return error(Code::kInvalid, "'" + safe_text(text) + "' is no object", "Write s3://BUCKET/KEY.");
  return at;
}

Result<Millis> parse_duration(std::string_view text) {
  DL_TRY(auto parts, number_and_unit(text, "time"));
  auto [n, unit] = parts;
  int64_t scale = unit == "ms"                  ? 1
                  : unit == "s" || unit.empty() ? 1000
                  : unit == "m"                 ? 60'000
                  : unit == "h"                 ? 3'600'000
                  : unit == "d"                 ? 86'400'000
                                                : 0;
  if (scale == 0 || n > 100'000'000)
    return error(Code::kInvalid, "'" + std::string(text) + "' is no time", "Write 500ms, 10s, 30m, 24h or 7d.");
  return Millis(static_cast<int64_t>(n) * scale);
}

Result<uint64_t> parse_size(std::string_view text) {
  DL_TRY(auto parts, number_and_unit(text, "size"));
  auto [n, unit] = parts;
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  unsigned shift = unit.empty() || unit == "B" ? 0
                   : unit == "K"               ? 10
                   : unit == "M"               ? 20
                   : unit == "G"               ? 30
                   : unit == "T"               ? 40
                                               : 64;
  if (shift == 64 || n > (1ull << 50 >> shift))
    return error(Code::kInvalid, "'" + std::string(text) + "' is no size", "Write 4096, 64K, 512M or 2G.");
  return n << shift;
}

}  // namespace dl::cli
