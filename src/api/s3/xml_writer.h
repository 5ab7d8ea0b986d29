#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace dl::api::s3 {

// Writes a document of S3's namespace. Text is escaped; characters that XML 1.0 cannot carry are written as numeric
// references, as AWS does (clients that need such keys ask for encoding-type=url).
class XmlWriter {
 public:
  // The root is opened; `bare` leaves out the namespace (errors have none).
  enum class Namespace { kS3, kNone };
  explicit XmlWriter(std::string_view root, Namespace ns = Namespace::kS3);
  void open(std::string_view name);
  void close();
  void element(std::string_view name, std::string_view text);
  void element(std::string_view name, uint64_t number);
  void flag(std::string_view name, bool value);
  // The root with an attribute-free text, for <LocationConstraint>.
  void text(std::string_view text);
  Bytes finish();  // closes what is open

 private:
  void escape(std::string_view text);
  Bytes out_;
  std::vector<std::string> open_;
};

// encoding-type=url: RFC 3986 unreserved characters and '/' stand, all else is %XX.
std::string url_encode(std::string_view text);

}  // namespace dl::api::s3
