#pragma once

// Inside the room: what CopyObject and UploadPartCopy share.
#include "api/s3/request.h"
#include "objects/types.h"

namespace dl::api::s3 {

struct CopyPlan {
  std::string source_bucket;
  objects::CopyRequest request;
};
// The source and its conditions. Errors: kInvalidArgument.
Result<CopyPlan> parse_copy(const Request& request);

}  // namespace dl::api::s3
