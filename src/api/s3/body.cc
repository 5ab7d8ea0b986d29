#include <algorithm>

#include "access/chunked.h"
#include "access/refusal.h"
#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/limits.h"
#include "api/s3/text.h"
#include "base/assert.h"
#include "base/hex.h"
#include "base/task.h"
#include "crypto/hash.h"
#include "objects/checksum.h"

namespace dl::api::s3 {
namespace {

// The request's body as `objects` pulls it: aws-chunked framing taken off, with what the client says about it.
class RequestBody : public objects::BodySource {
 public:
  RequestBody(net::BodyReader* reader, const access::Verified* verified, objects::Expected expected,
              std::optional<format::ChecksumKind> trailer)
      : reader_(reader), expected_(std::move(expected)), trailer_(trailer) {
    if (verified && access::is_stream(verified->payload)) decoder_.emplace(*verified);
  }

  Task<size_t> read(char* out, size_t size) override {
    if (!decoder_) co_return co_await reader_->read(out, size);
    while (!ended_) {
      DL_CO_TRY(size_t raw, co_await reader_->read(out, size));
      if (raw == 0) {
        DL_CO_OK(decoder_->finish());
        ended_ = true;
        break;
      }
      DL_CO_TRY(size_t plain, decoder_->decode(out, raw));
      if (plain > 0) co_return plain;
    }
    co_return size_t{0};
  }

  Result<objects::Expected> expected() const override {
    objects::Expected out = expected_;
    if (!trailer_) return out;
    DL_ASSERT(decoder_.has_value(), "check_trailer lets no trailer through without a body of chunks");
    const ChecksumName& name = name_of(*trailer_);
    for (const auto& [header, value] : decoder_->trailers()) {
      if (header != name.header) continue;
      auto checksum = parse_checksum(*trailer_, value);
      if (!checksum.ok()) return refuse(S3Code::kInvalidRequest, checksum.error().message);
      out.checksum = std::move(*checksum);
      return out;
    }
    return refuse(S3Code::kInvalidRequest,
                  "the trailer " + std::string(name.header) + " was announced and did not come");
  }

 private:
  net::BodyReader* reader_;
  objects::Expected expected_;
  std::optional<format::ChecksumKind> trailer_;
  std::optional<access::ChunkedDecoder> decoder_;
  bool ended_ = false;
};

Result<uint64_t> announced_size(const Call& call) {
  const access::Verified* verified = call.identity->verified();
  if (verified && access::is_stream(verified->payload)) return verified->decoded_length;
  const net::HttpRequest& http = *call.request.http;
  if (http.content_length) return *http.content_length;
  return refuse(S3Code::kMissingContentLength, "You must provide the Content-Length HTTP header.");
}

// A checksum announced for a trailer, where the body has none to bring it.
Result<void> check_trailer(const AskedChecksum& asked, const access::Verified* verified) {
  const bool with_trailer = verified && (verified->payload == access::Payload::kStreamSignedTrailer ||
                                         verified->payload == access::Payload::kStreamUnsignedTrailer);
  if (!asked.trailer || with_trailer) return {};
  return refuse(S3Code::kInvalidRequest, "x-amz-trailer needs a body with trailers");
}

Result<void> compare(const objects::Expected& expected, BytesView body) {
  if (expected.sha256 && *expected.sha256 != crypto::sha256(body).view())
    return refuse(S3Code::kXAmzContentSha256Mismatch,
                  "The provided 'x-amz-content-sha256' header does not match what was computed.");
  if (expected.md5 && *expected.md5 != crypto::md5(body))
    return refuse(S3Code::kBadDigest, "The Content-MD5 you specified did not match what we received.");
  if (!expected.checksum) return {};
  objects::ChecksumTaker taker(expected.checksum->kind);
  taker.update(body);
  if (taker.finish().value != expected.checksum->value)
    return refuse(S3Code::kBadDigest, "The checksum you specified did not match what we received.");
  return {};
}

}  // namespace

Result<BodyPlan> plan_body(Call* call) {
  BodyPlan plan;
  DL_TRY(plan.size, announced_size(*call));
  DL_TRY(plan.checksum, parse_checksum_headers(call->request));
  objects::Expected expected;
  DL_TRY(expected.md5, parse_content_md5(call->request));
  expected.checksum = plan.checksum.value;
  const access::Verified* verified = call->identity->verified();
  if (verified && verified->payload == access::Payload::kHashed) {
    DL_TRY(expected.sha256, from_hex(verified->payload_hash));
  }
  DL_OK(check_trailer(plan.checksum, verified));
  plan.source =
      std::make_unique<RequestBody>(&call->exchange->body, verified, std::move(expected), plan.checksum.trailer);
  return plan;
}

Task<Bytes> read_document(Call* call, size_t limit, ChecksumOf checksum) {
  // A request without a length has no document.
  const net::HttpRequest& http = *call->request.http;
  const access::Verified* verified = call->identity->verified();
  if (!http.chunked && !http.content_length) co_return Bytes();
  DL_CO_TRY(AskedChecksum asked, parse_checksum_headers(call->request));
  DL_CO_OK(check_trailer(asked, verified));
  objects::Expected expected;
  DL_CO_TRY(expected.md5, parse_content_md5(call->request));
  if (checksum == ChecksumOf::kDocument) expected.checksum = asked.value;
  if (verified && verified->payload == access::Payload::kHashed) {
    DL_CO_TRY(expected.sha256, from_hex(verified->payload_hash));
  }
  RequestBody body(&call->exchange->body, verified, std::move(expected), asked.trailer);
  Bytes document;
  char chunk[16 * 1024];
  while (true) {
    DL_CO_TRY(size_t n, co_await body.read(chunk, sizeof chunk));
    if (n == 0) break;
    if (document.size() + n > limit) co_return refuse(S3Code::kMalformedXml, "the document is too large");
    document.append(chunk, n);
  }
  DL_CO_TRY(objects::Expected said, body.expected());
  DL_CO_OK(compare(said, document));
  co_return document;
}

}  // namespace dl::api::s3
