#include "api/s3/errors.h"

#include "access/refusal.h"
#include "objects/reason.h"

namespace dl::api::s3 {
namespace {

using enum S3Code;

constexpr S3ErrorInfo kTable[] = {
    {kAccessDenied, 403, "AccessDenied", Code::kDenied},
    {kAuthorizationHeaderMalformed, 400, "AuthorizationHeaderMalformed", Code::kInvalid},
    {kAuthorizationQueryParametersError, 400, "AuthorizationQueryParametersError", Code::kInvalid},
    {kBadDigest, 400, "BadDigest", Code::kInvalid},
    {kBucketAlreadyExists, 409, "BucketAlreadyExists", Code::kExists},
    {kBucketAlreadyOwnedByYou, 409, "BucketAlreadyOwnedByYou", Code::kExists},
    {kBucketNotEmpty, 409, "BucketNotEmpty", Code::kConflict},
    {kEntityTooLarge, 400, "EntityTooLarge", Code::kTooLarge},
    {kEntityTooSmall, 400, "EntityTooSmall", Code::kInvalid},
    {kIllegalLocationConstraint, 400, "IllegalLocationConstraintException", Code::kInvalid},
    {kIncompleteBody, 400, "IncompleteBody", Code::kInvalid},
    {kInternalError, 500, "InternalError", Code::kInternal},
    {kInvalidAccessKeyId, 403, "InvalidAccessKeyId", Code::kUnauthenticated},
    {kInvalidArgument, 400, "InvalidArgument", Code::kInvalid},
    {kInvalidBucketName, 400, "InvalidBucketName", Code::kInvalid},
    {kInvalidDigest, 400, "InvalidDigest", Code::kInvalid},
    {kInvalidObjectState, 403, "InvalidObjectState", Code::kUnavailable},
    {kInvalidPart, 400, "InvalidPart", Code::kInvalid},
    {kInvalidPartNumber, 416, "InvalidPartNumber", Code::kInvalid},
    {kInvalidPartOrder, 400, "InvalidPartOrder", Code::kInvalid},
    {kInvalidRange, 416, "InvalidRange", Code::kInvalid},
    {kInvalidRequest, 400, "InvalidRequest", Code::kInvalid},
    {kInvalidStorageClass, 400, "InvalidStorageClass", Code::kInvalid},
    {kInvalidTag, 400, "InvalidTag", Code::kInvalid},
    {kInvalidToken, 400, "InvalidToken", Code::kUnauthenticated},
    {kInvalidUri, 400, "InvalidURI", Code::kInvalid},
    {kKeyTooLong, 400, "KeyTooLongError", Code::kTooLarge},
    {kMalformedXml, 400, "MalformedXML", Code::kInvalid},
    {kMetadataTooLarge, 400, "MetadataTooLarge", Code::kTooLarge},
    {kMethodNotAllowed, 405, "MethodNotAllowed", Code::kUnsupported},
    {kMissingContentLength, 411, "MissingContentLength", Code::kInvalid},
    {kNoSuchBucket, 404, "NoSuchBucket", Code::kNotFound},
    {kNoSuchKey, 404, "NoSuchKey", Code::kNotFound},
    {kNoSuchUpload, 404, "NoSuchUpload", Code::kNotFound},
    {kNoSuchVersion, 404, "NoSuchVersion", Code::kNotFound},
    {kNotImplemented, 501, "NotImplemented", Code::kUnsupported},
    {kOperationAborted, 409, "OperationAborted", Code::kConflict},
    {kPreconditionFailed, 412, "PreconditionFailed", Code::kPrecondition},
    {kRequestTimeout, 400, "RequestTimeout", Code::kTimeout},
    {kRequestTimeTooSkewed, 403, "RequestTimeTooSkewed", Code::kUnauthenticated},
    {kServiceUnavailable, 503, "ServiceUnavailable", Code::kUnavailable},
    {kSignatureDoesNotMatch, 403, "SignatureDoesNotMatch", Code::kUnauthenticated},
    {kSlowDown, 503, "SlowDown", Code::kBusy},
    {kXAmzContentSha256Mismatch, 400, "XAmzContentSHA256Mismatch", Code::kInvalid},
    {kInsufficientStorage, 507, "InsufficientStorage", Code::kNoSpace},
    {kDataDamaged, 500, "DataDamaged", Code::kCorrupt},
};

// What `objects` refuses.
S3Code of_reason(objects::Reason reason) {
  using enum objects::Reason;
  switch (reason) {
    case objects::Reason::kNoSuchBucket:
      return S3Code::kNoSuchBucket;
    case objects::Reason::kNoSuchKey:
    case kDeleteMarker:
      return S3Code::kNoSuchKey;
    case objects::Reason::kNoSuchVersion:
      return S3Code::kNoSuchVersion;
    case objects::Reason::kNoSuchUpload:
      return S3Code::kNoSuchUpload;
    case objects::Reason::kBucketNotEmpty:
      return S3Code::kBucketNotEmpty;
    case kBucketExists:
      return S3Code::kBucketAlreadyOwnedByYou;
    case objects::Reason::kMethodNotAllowed:
      return S3Code::kMethodNotAllowed;
    case objects::Reason::kPreconditionFailed:
      return S3Code::kPreconditionFailed;
    case objects::Reason::kInvalidRange:
      return S3Code::kInvalidRange;
    case objects::Reason::kInvalidPart:
      return S3Code::kInvalidPart;
    case objects::Reason::kInvalidPartOrder:
      return S3Code::kInvalidPartOrder;
    case objects::Reason::kInvalidPartNumber:
      return S3Code::kInvalidPartNumber;
    case objects::Reason::kEntityTooSmall:
      return S3Code::kEntityTooSmall;
    case objects::Reason::kEntityTooLarge:
      return S3Code::kEntityTooLarge;
    case objects::Reason::kKeyTooLong:
      return S3Code::kKeyTooLong;
    case objects::Reason::kIncompleteBody:
      return S3Code::kIncompleteBody;
    case objects::Reason::kBadDigest:
    case kChecksumMismatch:
      return S3Code::kBadDigest;
    case kContentSha256Mismatch:
      return S3Code::kXAmzContentSha256Mismatch;
    case kBodyRemote:
      return S3Code::kInvalidObjectState;
    case kBodyOnItsWay:
    case kBucketNotReady:
    case kNotAtHub:
      return S3Code::kServiceUnavailable;
    case kStale:
      return S3Code::kOperationAborted;
    case kDamaged:
      return S3Code::kDataDamaged;
    case objects::Reason::kNone:
      break;
  }
  return S3Code::kInternalError;
}

// Why the gate did not let it in.
S3Code of_refusal(access::Refusal refusal) {
  using enum access::Refusal;
  switch (refusal) {
    case kTwoSignatures:
    case access::Refusal::kUnsupportedAlgorithm:
      return S3Code::kInvalidRequest;
    case kMalformedHeader:
    case kWrongRegion:
    case kWrongService:
      return S3Code::kAuthorizationHeaderMalformed;
    case kMalformedQuery:
      return S3Code::kAuthorizationQueryParametersError;
    case kUnknownKey:
    case kDisabledKey:
      return S3Code::kInvalidAccessKeyId;
    case kSessionToken:
      return S3Code::kInvalidToken;
    case kSkewed:
      return S3Code::kRequestTimeTooSkewed;
    case kBadSignature:
    case kBadChunkSignature:
      return S3Code::kSignatureDoesNotMatch;
    case kBadPayloadHash:
      return S3Code::kInvalidArgument;
    case kBadChunkFraming:
    case access::Refusal::kIncompleteBody:
      return S3Code::kIncompleteBody;
    default:
      return S3Code::kAccessDenied;
  }
}

S3Code of_code(Code code) {
  switch (code) {
    case Code::kInvalid:
      return kInvalidRequest;
    case Code::kUnsupported:
      return kNotImplemented;
    case Code::kNotFound:
      return kNoSuchKey;
    case Code::kExists:
      return kBucketAlreadyExists;
    case Code::kUnauthenticated:
    case Code::kDenied:
      return kAccessDenied;
    case Code::kConflict:
      return kOperationAborted;
    case Code::kPrecondition:
      return kPreconditionFailed;
    case Code::kTooLarge:
      return kEntityTooLarge;
    case Code::kLimit:
    case Code::kBusy:
      return kSlowDown;
    case Code::kNoSpace:
      return kInsufficientStorage;
    case Code::kTimeout:
      return kRequestTimeout;
    case Code::kCancelled:
    case Code::kUnavailable:
      return kServiceUnavailable;
    case Code::kCorrupt:
      return kDataDamaged;
    case Code::kClosed:
    case Code::kIo:
    case Code::kForeign:
    case Code::kInternal:
      break;
  }
  return kInternalError;
}

}  // namespace

const S3ErrorInfo& info_of(S3Code code) {
  for (const auto& row : kTable)
    if (row.code == code) return row;
  DL_ASSERT(false, "an S3 code without a row");
  __builtin_unreachable();
}

Error refuse(S3Code code, std::string message) {
  Error e = error(info_of(code).base, std::move(message));
  e.reason = static_cast<uint16_t>(code);
  return e;
}

S3Code s3_code_of(const Error& e) {
  if (e.reason >= static_cast<uint16_t>(kAccessDenied)) return static_cast<S3Code>(e.reason);
  if (access::Refusal refusal = access::refusal_of(e); refusal != access::Refusal::kNone) return of_refusal(refusal);
  if (e.reason != 0) return of_reason(objects::reason_of(e));
  return of_code(e.code);
}

}  // namespace dl::api::s3
