#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "bench/load/target.h"

namespace dl::bench {

// Makes heads of requests, signed with AWS Signature Version 4. Keeps the day's signing key. One thread.
class Signer {
 public:
  // `target` outlives the signer.
  explicit Signer(const Target& target) : target_(target) {}

  struct Parts {
    std::string_view method;
    std::string_view path;          // needs no encoding
    std::string_view query;         // encoded, its parameters in order; without '?'
    std::string_view payload_hash;  // hex SHA-256 of the body
    size_t body_size = 0;
    std::string_view more;  // further header lines, each with its line end; not signed
  };
  std::string head(const Parts& parts);

 private:
  void refresh();

  const Target& target_;
  std::chrono::sys_seconds now_{};
  std::string amz_date_;
  std::string scope_;
  std::string day_;
  Bytes key_;
};

// Percent-encoded as a query value must be when it is signed.
std::string query_value(std::string_view raw);

}  // namespace dl::bench
