#include "api/s3/documents.h"

#include "api/s3/checksums.h"
#include "api/s3/errors.h"
#include "api/s3/limits.h"
#include "api/s3/text.h"
#include "api/s3/xml_reader.h"

namespace dl::api::s3 {
namespace {

Error malformed(const std::string& why) { return refuse(S3Code::kMalformedXml, why); }

Result<XmlElement> read_root(std::string_view bytes, std::string_view name) {
  auto root = read_xml(bytes);
  if (!root.ok()) return malformed(root.error().message);
  if (root->name != name) return malformed("the document is <" + root->name + ">, not <" + std::string(name) + ">");
  return root;
}

Result<objects::CompletePart> read_part(const XmlElement& element) {
  objects::CompletePart part;
  auto number = element.text_of("PartNumber");
  auto etag = element.text_of("ETag");
  if (!number || !etag) return malformed("a <Part> needs <PartNumber> and <ETag>");
  auto parsed = parse_number(*number);
  if (!parsed || *parsed < 1 || *parsed > limits::kMaxParts) return malformed("a part number is 1 to 10000");
  part.part = static_cast<uint32_t>(*parsed);
  part.etag = unquote(*etag);
  for (const auto& kind : checksum_kinds()) {
    auto value = element.text_of(kind.element);
    if (!value) continue;
    DL_TRY(part.checksum, parse_checksum(kind.kind, *value));
  }
  return part;
}

}  // namespace

Result<DeleteDocument> read_delete(std::string_view bytes) {
  DL_TRY(XmlElement root, read_root(bytes, "Delete"));
  DeleteDocument out;
  for (const auto& child : root.children) {
    if (child.name == "Quiet") {
      out.quiet = child.text == "true";
    } else if (child.name == "Object") {
      auto key = child.text_of("Key");
      if (!key || key->empty()) return malformed("an <Object> needs a <Key>");
      if (out.objects.size() == limits::kMaxDeletes) return malformed("at most 1000 keys a request");
      if (child.find("LastModifiedTime") || child.find("Size"))
        return error(Code::kUnsupported, "conditions of time and size on deletes are not offered");
      out.objects.push_back({std::move(*key), child.text_of("VersionId"), child.text_of("ETag")});
    } else {
      return malformed("<" + child.name + "> is no part of <Delete>");
    }
  }
  if (out.objects.empty()) return malformed("no keys to delete");
  return out;
}

Result<std::vector<objects::CompletePart>> read_complete(std::string_view bytes) {
  DL_TRY(XmlElement root, read_root(bytes, "CompleteMultipartUpload"));
  std::vector<objects::CompletePart> parts;
  for (const auto& child : root.children) {
    if (child.name != "Part") return malformed("<" + child.name + "> is no part of <CompleteMultipartUpload>");
    if (parts.size() == limits::kMaxParts) return malformed("at most 10000 parts");
    DL_TRY(auto part, read_part(child));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return malformed("no parts");
  return parts;
}

Result<journal::Versioning> read_versioning(std::string_view bytes) {
  DL_TRY(XmlElement root, read_root(bytes, "VersioningConfiguration"));
  if (root.text_of("MfaDelete").value_or("Disabled") != "Disabled")
    return error(Code::kUnsupported, "MFA delete is not offered");
  const auto status = root.text_of("Status");
  if (status == "Enabled") return journal::Versioning::kEnabled;
  if (status == "Suspended") return journal::Versioning::kSuspended;
  return malformed("<Status> is Enabled or Suspended");
}

Result<std::string> read_location(std::string_view bytes) {
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::string();
  DL_TRY(XmlElement root, read_root(bytes, "CreateBucketConfiguration"));
  for (const auto& child : root.children)
    if (child.name != "LocationConstraint")
      return error(Code::kUnsupported, "<" + child.name + "> of a new bucket is not offered");
  return root.text_of("LocationConstraint").value_or("");
}

}  // namespace dl::api::s3
