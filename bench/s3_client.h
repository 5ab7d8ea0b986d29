#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

// The client side of the S3 benchmark: signs (AWS Signature Version 4) and speaks HTTP/1.1 over one non-blocking
// loopback connection. Made to cost little, so that on shared cores the server is what is measured.
namespace dl::bench {

struct Target {
  std::string host;  // an IPv4 address
  uint16_t port = 0;
  std::string region;
  std::string access_key;
  std::string secret_key;

  std::string address() const { return host + ":" + std::to_string(port); }
};

// Reads the profile `default` of an AWS credentials file into `target`. Prints why and exits on failure.
void read_credentials(const std::string& path, Target& target);

// Makes signed request heads. One thread. Keeps the day's signing key.
class Signer {
 public:
  explicit Signer(const Target& target) : target_(target) {}

  // `path` must need no encoding; `payload_hash` is the hex SHA-256 of the body of `body_size` bytes.
  std::string head(std::string_view method, std::string_view path, std::string_view payload_hash, size_t body_size);

 private:
  void refresh();

  const Target& target_;
  std::chrono::sys_seconds now_{};
  std::string amz_date_;
  std::string scope_;
  std::string day_;
  Bytes key_;
};

// One keep-alive connection with one request under way. Not thread-safe; the owner polls `fd()`.
class Connection {
 public:
  enum class State : uint8_t { kIdle, kBusy, kDone, kBroken };

  explicit Connection(const Target& target);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  // Precondition: idle. `body` must live until the request is done.
  void send(std::string head, std::string_view body);
  // Goes on with what the socket allows. kDone: `status()` and `body_bytes()` hold, and the connection is idle again.
  State advance();
  bool wants_write() const { return sent_ < head_.size() + body_.size(); }
  int status() const { return status_; }
  size_t body_bytes() const { return body_size_; }

 private:
  bool write_some();
  State read_some();
  State parse();

  int fd_ = -1;
  std::string head_;
  std::string_view body_;
  size_t sent_ = 0;
  std::string in_;
  int status_ = 0;
  size_t body_size_ = 0;
};

}  // namespace dl::bench
