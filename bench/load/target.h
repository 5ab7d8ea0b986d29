#pragma once

#include <cstdint>
#include <string>

namespace dl::bench {

struct Target {
  std::string host;  // an IPv4 address
  uint16_t port = 0;
  bool is_tls = false;
  std::string region;
  std::string access_key;
  std::string secret_key;

  std::string address() const { return host + ":" + std::to_string(port); }
};

// Reads the profile `default` of an AWS credentials file into `target`. Prints why and exits on failure.
void read_credentials(const std::string& path, Target& target);

}  // namespace dl::bench
