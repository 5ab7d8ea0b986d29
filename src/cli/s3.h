#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/http_api.h"

// Just enough S3 for the conveniences ls, cp, cat, rm, stat, presign.
namespace dl::cli {

struct S3Object {
  std::string key;
  uint64_t size = 0;
  std::string etag, modified;
};
struct S3Page {
  std::vector<S3Object> objects;
  std::vector<std::string> prefixes;
  std::string next;  // continuation token; empty at the end
};
struct S3Head {
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string find(std::string_view name) const;
};

// A node's data port. Blocking, one thread. What the other side refuses comes back with its S3 code in the message.
class S3 {
 public:
  using Query = std::vector<std::pair<std::string, std::string>>;
  virtual ~S3() = default;
  virtual Result<std::vector<std::string>> buckets() = 0;
  virtual Result<S3Page> list(const std::string& bucket, const std::string& prefix, const std::string& delimiter,
                              const std::string& token) = 0;
  virtual Result<S3Head> head(const std::string& bucket, const std::string& key, const std::string& version) = 0;
  virtual Result<S3Head> get(const std::string& bucket, const std::string& key, const std::string& version,
                             std::function<Result<void>(std::string_view)> sink) = 0;
  virtual Result<S3Head> put(const std::string& bucket, const std::string& key, Pull pull, uint64_t size) = 0;
  virtual Result<void> copy(const std::string& from_bucket, const std::string& from_key, const std::string& bucket,
                            const std::string& key) = 0;
  virtual Result<void> remove(const std::string& bucket, const std::string& key, const std::string& version) = 0;
  virtual std::string presign(std::string_view method, const std::string& bucket, const std::string& key,
                              std::chrono::seconds life) = 0;
};

// The data port of the node of `session` (asked over its socket), or of --endpoint / AWS_ENDPOINT_URL; keys from the
// environment.
Result<std::unique_ptr<S3>> connect_s3(Session& session);

// Pieces of answers, exposed for tests. Any bytes are accepted.
S3Page parse_listing(std::string_view xml);
std::vector<std::string> xml_texts(std::string_view xml, std::string_view tag);
Error s3_error(int status, std::string_view xml);

}  // namespace dl::cli
