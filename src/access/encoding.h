#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// URL encoding as SigV4 and S3 see it. Signature check and front doors use these same functions, so that what is signed
// is what is done.
namespace dl::access {

enum class Slash { kKeep, kEncode };
// Everything but A-Z a-z 0-9 - . _ ~ (and '/' with kKeep) becomes %XX, upper case.
std::string uri_encode(BytesView raw, Slash slash);
// %XX becomes its byte; all else stands for itself. Errors: kInvalid for a '%' without two hexadecimal digits.
Result<Bytes> uri_decode(std::string_view text);

struct QueryParam {
  std::string name, value;
  bool operator==(const QueryParam&) const = default;
};
// Splits at '&' and the first '='; '+' and %20 are a blank. In order. A parameter without '=' has an empty value; empty
// pieces are left out. Errors: kInvalid (encoding, more than kMaxQueryParams, a name twice).
Result<std::vector<QueryParam>> parse_query(std::string_view raw);
// Sorted by encoded name, "name=value&name=value".
std::string canonical_query(const std::vector<QueryParam>& params);

// Where a path-style S3 request points: the decoded parts after the first and behind the second slash.
struct BucketAndKey {
  std::string bucket;  // empty for "/"
  Bytes key;           // empty for "/bucket" and "/bucket/"
};
// Errors: kInvalid (no leading slash, encoding, over kMaxPathBytes).
Result<BucketAndKey> split_path(std::string_view raw_path);

}  // namespace dl::access
