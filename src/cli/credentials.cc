#include <algorithm>

#include "cli/http_api.h"
#include "cli/output.h"

// Who the caller is, from the environment; never from argv.
namespace dl::cli {
namespace {

constexpr size_t kMaxFile = 1 << 20;

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

}  // namespace

Result<std::string> read_file(LocalFiles& files, const std::string& path) {
  DL_TRY(auto file, files.open(path));
  if (file->size() > kMaxFile) return error(Code::kTooLarge, "the file " + path + " has more than 1 MiB");
  std::string out(kMaxFile + 1, '\0');
  size_t at = 0;
  for (;;) {
    DL_TRY(size_t n, file->read(out.data() + at, out.size() - at));
    at += n;
    if (n == 0 || at > kMaxFile) break;
  }
  if (at > kMaxFile) return error(Code::kTooLarge, "the file " + path + " has more than 1 MiB");
  out.resize(at);
  return out;
}

Result<Keys> parse_credentials(std::string_view text, const std::string& profile) {
  Keys keys;
  bool inside = false;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line = trim(line);
    if (line.starts_with("[")) {
      inside = line == "[" + profile + "]";
      continue;
    }
    size_t equal = line.find('=');
    if (!inside || equal == std::string_view::npos) continue;
    auto name = trim(line.substr(0, equal)), value = trim(line.substr(equal + 1));
    if (name == "aws_access_key_id") keys.id = value;
    if (name == "aws_secret_access_key") keys.secret = value;
  }
  if (keys.id.empty() || keys.secret.empty())
    return error(
        Code::kInvalid, "the credentials file has no profile '" + safe_text(profile) + "' with both keys",
        "Set AWS_PROFILE, or write aws_access_key_id and aws_secret_access_key below [" + safe_text(profile) + "].");
  return keys;
}

Result<Keys> find_keys(const Hooks& hooks, const Environment& environment) {
  auto id = environment("AWS_ACCESS_KEY_ID"), secret = environment("AWS_SECRET_ACCESS_KEY");
  if (id && secret) return Keys{*id, *secret};
  auto file = environment("AWS_SHARED_CREDENTIALS_FILE");
  if (!file)
    return error(Code::kUnauthenticated, "there is no access key in the environment",
                 "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE (the hub's "
                 "administrator: the file of --admin-key-file).");
  DL_TRY(auto text, read_file(*hooks.files, *file));
  return parse_credentials(text, environment("AWS_PROFILE").value_or("default"));
}

std::string find_region(const GlobalOptions& global, const Environment& environment) {
  if (!global.region.empty()) return global.region;
  if (auto r = environment("AWS_REGION")) return *r;
  return environment("AWS_DEFAULT_REGION").value_or("us-east-1");
}

}  // namespace dl::cli
