#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"

// Connections to nodes: the local socket, an administration port, a data port.
namespace dl::cli {

using Environment = std::function<std::optional<std::string>(const char*)>;

struct Keys {
  std::string id, secret;
};
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else the profile (AWS_PROFILE, "default") of
// AWS_SHARED_CREDENTIALS_FILE. Errors: kUnauthenticated, kInvalid, kNotFound.
Result<Keys> find_keys(const Hooks& hooks, const Environment& environment);
// Of an AWS credentials file. Errors: kInvalid.
Result<Keys> parse_credentials(std::string_view text, const std::string& profile);
// --region, AWS_REGION, AWS_DEFAULT_REGION, us-east-1.
std::string find_region(const GlobalOptions& global, const Environment& environment);
// A small file whole. kTooLarge over 1 MiB.
Result<std::string> read_file(LocalFiles& files, const std::string& path);

// The administration API. Errors: kInvalid (endpoint, CA), kUnauthenticated (no keys); kUnavailable comes at the first
// call.
Result<std::unique_ptr<Api>> connect_node(const GlobalOptions& global, const Hooks& hooks,
                                          const Environment& environment);

}  // namespace dl::cli
