#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/s3/documents.h"
#include "api/s3/limits.h"
#include "api/s3/xml_reader.h"

namespace {

size_t count(const dl::api::s3::XmlElement& element, size_t depth) {
  if (depth > dl::api::s3::limits::kMaxXmlDepth) std::abort();
  size_t n = 1;
  for (const auto& child : element.children) n += count(child, depth + 1);
  return n;
}

}  // namespace

// Whatever a client sends as XML is refused or becomes a bounded tree; the documents made of it obey their own limits.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  auto tree = dl::api::s3::read_xml(bytes);
  if (tree.ok() && count(*tree, 1) > dl::api::s3::limits::kMaxXmlElements) std::abort();
  auto deletes = dl::api::s3::read_delete(bytes);
  if (deletes.ok() && deletes->objects.size() > dl::api::s3::limits::kMaxDeletes) std::abort();
  auto parts = dl::api::s3::read_complete(bytes);
  if (parts.ok() && parts->size() > dl::api::s3::limits::kMaxParts) std::abort();
  (void)dl::api::s3::read_versioning(bytes).ok();
  (void)dl::api::s3::read_location(bytes).ok();
  return 0;
}
