#pragma once

// Inside the room: one request while it is answered. Owned by the handler's frame; operations take a pointer to it,
// which lives until they return.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/s3/errors.h"
#include "api/s3/handler.h"
#include "api/s3/request.h"
#include "api/s3/xml_writer.h"
#include "base/task_fwd.h"
#include "gate/gate.h"
#include "net/http.h"
#include "objects/objects.h"

namespace dl::api::s3 {

struct Call {
  const S3Config* config = nullptr;
  objects::Objects* objects = nullptr;
  net::HttpExchange* exchange = nullptr;
  Request request;
  std::string request_id;
  gate::Gate* gate = nullptr;
  std::optional<gate::Identity> identity;  // who asks

  // The gate's decision on one action. Errors: access/refusal.h.
  Result<gate::Permit> permit(std::string_view action) const { return permit(action, request.bucket, request.key); }
  Result<gate::Permit> permit(std::string_view action, std::string_view bucket, BytesView key) const {
    return gate->authorize(*identity, {std::string(action), std::string(bucket), Bytes(key), {}});
  }
};

// An operation: parse, run, render. Errors become S3's by the handler.
struct Operation {
  std::string_view name;  // AWS's
  Task<void> (*run)(Call* call);
};

// Answers.
Task<void> send_empty(Call* call, int status, net::HttpHeaders headers = {});
Task<void> send_xml(Call* call, XmlWriter document, net::HttpHeaders headers = {}, int status = 200);
net::HttpResponse error_response(const Call& call, const Error& e);

// x-amz-version-id, when the bucket has versions to tell of.
void add_version(net::HttpHeaders& headers, std::string_view name, bool versioned, bool null, const VersionId& version);
void add_checksum(net::HttpHeaders& headers, const format::Checksum& checksum);
// The elements <ChecksumXXX> and <ChecksumType>.
void write_checksum(XmlWriter& xml, const std::optional<format::Checksum>& checksum);
// x-demilune-durable: local | hub.
void add_durable(net::HttpHeaders& headers, bool at_hub);
std::string_view read_action(const std::optional<objects::VersionRef>& version);

// The body of a write, whose size is announced. Errors: kMissingContentLength, kEntityTooLarge, kInvalidRequest.
struct BodyPlan {
  uint64_t size = 0;
  AskedChecksum checksum;
  std::unique_ptr<objects::BodySource> source;
};
Result<BodyPlan> plan_body(Call* call);
// A whole request document, checked like any body; x-amz-checksum-* of CompleteMultipartUpload is the object's instead.
enum class ChecksumOf : uint8_t { kDocument, kObject };
Task<Bytes> read_document(Call* call, size_t limit, ChecksumOf checksum = ChecksumOf::kDocument);

// The operations, one file each.
Task<void> list_buckets(Call* call);
Task<void> create_bucket(Call* call);
Task<void> delete_bucket(Call* call);
Task<void> head_bucket(Call* call);
Task<void> get_bucket_location(Call* call);
Task<void> get_bucket_versioning(Call* call);
Task<void> put_bucket_versioning(Call* call);
Task<void> list_objects(Call* call);
Task<void> list_objects_v2(Call* call);
Task<void> list_object_versions(Call* call);
Task<void> list_multipart_uploads(Call* call);
Task<void> delete_objects(Call* call);
Task<void> put_object(Call* call);
Task<void> copy_object(Call* call);
Task<void> get_object(Call* call);  // and HeadObject
Task<void> head_object(Call* call);
Task<void> delete_object(Call* call);
Task<void> get_object_tagging(Call* call);
Task<void> create_multipart_upload(Call* call);
Task<void> upload_part(Call* call);
Task<void> upload_part_copy(Call* call);
Task<void> complete_multipart_upload(Call* call);
Task<void> abort_multipart_upload(Call* call);
Task<void> list_parts(Call* call);

// The operation that a request asks for. Errors: kNotImplemented, kMethodNotAllowed.
Result<Operation> route(const Request& request);

}  // namespace dl::api::s3
