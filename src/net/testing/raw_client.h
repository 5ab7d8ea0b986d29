#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "net/address.h"

namespace dl::net::testing {

// A blocking client for tests that says exactly the bytes it is told to. Every wait ends after 20 s.
class RawClient {
 public:
  explicit RawClient(const HostPort& address);  // fails the test's process when nobody listens
  explicit RawClient(const std::string& socket_path);
  ~RawClient();
  // False when the peer has closed.
  bool send(BytesView bytes);
  // Ends the sending half.
  void shutdown_send();
  // Until the peer closes, or `until` was received, or the time is over.
  std::string read_until(std::string_view until);
  std::string read_all() { return read_until(""); }
  // Whether read_all() ended by an orderly end, not by a reset or the time.
  bool ended_clean() const { return ended_clean_; }
  // What the kernel takes from us without the peer reading; for back-pressure.
  size_t send_until_full(BytesView piece, size_t most);
  void set_send_buffer(int size);

 private:
  int fd_ = -1;
  std::string pending_;
  bool ended_clean_ = false;
};

}  // namespace dl::net::testing
