#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

// The one place where S3's error codes appear. Refusals of this door carry an S3Code in Error::reason (its numbers lie
// apart from those of `objects` and `access`); errors of the rooms below are mapped by their reason, then by their
// code.
namespace dl::api::s3 {

enum class S3Code : uint16_t {
  kAccessDenied = 2000,
  kAuthorizationHeaderMalformed,
  kAuthorizationQueryParametersError,
  kBadDigest,
  kBucketAlreadyExists,
  kBucketAlreadyOwnedByYou,
  kBucketNotEmpty,
  kEntityTooLarge,
  kEntityTooSmall,
  kIllegalLocationConstraint,
  kIncompleteBody,
  kInternalError,
  kInvalidAccessKeyId,
  kInvalidArgument,
  kInvalidBucketName,
  kInvalidDigest,
  kInvalidObjectState,
  kInvalidPart,
  kInvalidPartNumber,
  kInvalidPartOrder,
  kInvalidRange,
  kInvalidRequest,
  kInvalidStorageClass,
  kInvalidTag,
  kInvalidToken,
  kInvalidUri,
  kKeyTooLong,
  kMalformedXml,
  kMetadataTooLarge,
  kMethodNotAllowed,
  kMissingContentLength,
  kNoSuchBucket,
  kNoSuchKey,
  kNoSuchUpload,
  kNoSuchVersion,
  kNotImplemented,
  kOperationAborted,
  kPreconditionFailed,
  kRequestTimeout,
  kRequestTimeTooSkewed,
  kServiceUnavailable,
  kSignatureDoesNotMatch,
  kSlowDown,
  kXAmzContentSha256Mismatch,
  kInsufficientStorage,
  kDataDamaged,
};

struct S3ErrorInfo {
  S3Code code;
  int status;
  std::string_view name;
  Code base;
};
const S3ErrorInfo& info_of(S3Code code);

Error refuse(S3Code code, std::string message);
// Any error of the rooms below, as S3 says it.
S3Code s3_code_of(const Error& e);

}  // namespace dl::api::s3
