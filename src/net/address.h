#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dl::net {

// "127.0.0.1:7443", "[::1]:7443", "localhost:7443", "hub.example:7445", ":7443" or "*:7443" (all addresses).
struct HostPort {
  std::string host;  // without brackets; empty for all addresses
  uint16_t port = 0;
};

// kInvalid when malformed. Port 0 is allowed: to a listener it means a free one.
Result<HostPort> parse_host_port(std::string_view text);
// With brackets where needed.
std::string format_host_port(const HostPort& address);
// Whether the host is "localhost" or a literal address of 127.0.0.0/8 or ::1.
bool is_loopback(std::string_view host);

}  // namespace dl::net
