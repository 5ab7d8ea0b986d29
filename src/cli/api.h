#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "format/json.h"

namespace dl::cli {

// Bytes to send, pulled: fills up to `size`, 0 at the end.
using Pull = std::function<Result<size_t>(char* out, size_t size)>;

// A node's administration API as the commands see it. Blocking, one thread. An error that the node answered comes back
// as it was (code, message, next step); kUnavailable when nobody answers.
class Api {
 public:
  virtual ~Api() = default;
  // `path` is escaped; a null body is none.
  virtual Result<format::Json> call(std::string_view method, const std::string& path, const format::Json& body) = 0;
  virtual Result<format::Json> upload(const std::string& path, Pull pull, std::optional<uint64_t> size) = 0;
};

// The node's answer as a value or the Error that it tells of. Accepts any bytes.
Result<format::Json> read_answer(int status, std::string_view body);
// One part of a path or a query's value, percent-encoded but for RFC 3986's unreserved characters.
std::string escape(std::string_view part);
// S3 signs '/' of a key as it is.
std::string escape_key(std::string_view key);

}  // namespace dl::cli
