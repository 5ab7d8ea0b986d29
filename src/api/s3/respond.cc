#include "api/s3/call.h"
#include "api/s3/checksums.h"
#include "api/s3/text.h"
#include "base/log.h"
#include "base/task.h"

namespace dl::api::s3 {
namespace {

void add_common(const Call& call, net::HttpHeaders& headers) { headers.add("x-amz-request-id", call.request_id); }

// What a client sees of our own faults: enough to find the log line, no more.
std::string public_message(const Error& e, S3Code code) {
  if (code == S3Code::kInternalError) return "We encountered an internal error. Please try again.";
  // The message of a room below names files.
  if (code == S3Code::kDataDamaged && e.reason == 0)
    return "Some of what this request needs is damaged on this node and cannot be read. Asking again does not help: "
           "ask "
           "the node's operator to look at `demilune doctor`.";
  return e.message + (e.next.empty() || code == S3Code::kPreconditionFailed ? "" : ": " + e.next);
}

}  // namespace

Task<void> send_empty(Call* call, int status, net::HttpHeaders headers) {
  add_common(*call, headers);
  co_return co_await call->exchange->response.send({status, std::move(headers), {}});
}

Task<void> send_xml(Call* call, XmlWriter document, net::HttpHeaders headers, int status) {
  add_common(*call, headers);
  headers.add("Content-Type", "application/xml");
  co_return co_await call->exchange->response.send({status, std::move(headers), document.finish()});
}

net::HttpResponse error_response(const Call& call, const Error& e) {
  S3Code code = s3_code_of(e);
  // A presigned address from the future is not yet valid; only a signed header has a clock of its own.
  const bool presigned = call.request.http->raw_query().find("X-Amz-Signature=") != std::string_view::npos;
  if (code == S3Code::kRequestTimeTooSkewed && presigned) code = S3Code::kAccessDenied;
  const S3ErrorInfo& info = info_of(code);
  if (code == S3Code::kInternalError || (code == S3Code::kDataDamaged && e.reason == 0))
    log_warn("s3", "request {} {}: DL error {}: {}", call.request_id, call.request.http->method,
             static_cast<int>(e.code), e.message);
  net::HttpResponse out;
  out.status = info.status;
  add_common(call, out.headers);
  const bool wrong_region = code == S3Code::kAuthorizationHeaderMalformed;
  if (wrong_region) out.headers.add("x-amz-bucket-region", call.config->region);
  if (info.status == 503) out.headers.add("Retry-After", "2");
  if (call.request.is_head()) return out;
  XmlWriter xml("Error", XmlWriter::Namespace::kNone);
  xml.element("Code", info.name);
  xml.element("Message", public_message(e, code));
  if (wrong_region) xml.element("Region", call.config->region);
  if (code == S3Code::kNoSuchBucket) xml.element("BucketName", call.request.bucket);
  if (code == S3Code::kNoSuchKey) xml.element("Key", call.request.key);
  if (code == S3Code::kPreconditionFailed && !e.next.empty()) xml.element("Condition", e.next);
  xml.element("Resource", call.request.http->raw_path());
  xml.element("RequestId", call.request_id);
  out.headers.add("Content-Type", "application/xml");
  out.body = xml.finish();
  return out;
}

void add_version(net::HttpHeaders& headers, std::string_view name, bool versioned, bool null,
                 const VersionId& version) {
  if (versioned) headers.add(std::string(name), objects::version_text(null, version));
}

void add_checksum(net::HttpHeaders& headers, const format::Checksum& checksum) {
  headers.add(std::string(name_of(checksum.kind).header), checksum_text(checksum));
  headers.add("x-amz-checksum-type", std::string(checksum_type(checksum.composite)));
}

void write_checksum(XmlWriter& xml, const std::optional<format::Checksum>& checksum) {
  if (!checksum) return;
  xml.element(name_of(checksum->kind).element, checksum_text(*checksum));
  xml.element("ChecksumType", checksum_type(checksum->composite));
}

void add_durable(net::HttpHeaders& headers, bool at_hub) {
  headers.add("x-demilune-durable", at_hub ? "hub" : "local");
}

std::string_view read_action(const std::optional<objects::VersionRef>& version) {
  return version ? "s3:GetObjectVersion" : "s3:GetObject";
}

}  // namespace dl::api::s3
