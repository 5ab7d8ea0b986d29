#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/space.h"
#include "objects/types.h"

// Request documents of S3. All take any bytes. Errors: kInvalid (MalformedXML), kTooLarge, kUnsupported.
namespace dl::api::s3 {

struct DeleteDocument {
  struct Object {
    std::string key;
    std::optional<std::string> version;
    std::optional<std::string> etag;
  };
  std::vector<Object> objects;  // 1 to 1000
  bool quiet = false;
};
Result<DeleteDocument> read_delete(std::string_view bytes);

Result<std::vector<objects::CompletePart>> read_complete(std::string_view bytes);

// Errors: kUnsupported for MfaDelete Enabled.
Result<journal::Versioning> read_versioning(std::string_view bytes);

// CreateBucketConfiguration: its LocationConstraint; empty when there is none or no document.
Result<std::string> read_location(std::string_view bytes);

}  // namespace dl::api::s3
