#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "access/sign.h"
#include "base/bytes.h"
#include "base/result.h"

namespace dl::app {

struct DemoVersion {
  std::string key, version, etag;
  uint64_t size = 0;
  bool latest = false, marker = false;
  auto operator<=>(const DemoVersion&) const = default;
};

// The demo's own S3 client, of which the checker and the writer each have one: it shares no code with the AWS CLI that
// does the rest. Blocking, one thread.
class DemoS3 {
 public:
  // url: "https://A:P".
  static Result<std::unique_ptr<DemoS3>> connect(const std::string& url, const std::string& ca_pem,
                                                 access::Credentials credentials);
  virtual ~DemoS3() = default;
  // Acknowledged when it returns; the version.
  virtual Result<std::string> put(const std::string& bucket, const std::string& key, Bytes body) = 0;
  // SHA-256 of the content in hex; version may be empty. Errors: kNotFound, ...
  virtual Result<std::string> get_hash(const std::string& bucket, const std::string& key,
                                       const std::string& version = {}) = 0;
  virtual Result<Bytes> get(const std::string& bucket, const std::string& key) = 0;
  // Keys as ListObjectsV2 shows them, sorted.
  virtual Result<std::vector<std::string>> keys(const std::string& bucket) = 0;
  // All versions and markers, sorted.
  virtual Result<std::vector<DemoVersion>> versions(const std::string& bucket) = 0;
};

}  // namespace dl::app
