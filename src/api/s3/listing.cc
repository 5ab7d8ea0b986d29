#include "api/s3/listing.h"

#include "api/s3/errors.h"
#include "base/hex.h"

namespace dl::api::s3 {

Result<Encoding> parse_encoding(const Request& request) {
  auto type = request.param("encoding-type");
  if (!type || type->empty()) return Encoding{false};
  if (*type == "url") return Encoding{true};
  return refuse(S3Code::kInvalidArgument, "Invalid Encoding Method specified in Request");
}

void write_encoding(XmlWriter& xml, const Encoding& encoding) {
  if (encoding.url) xml.element("EncodingType", "url");
}

void write_prefixes(XmlWriter& xml, const Encoding& encoding, const std::vector<Bytes>& prefixes) {
  for (const Bytes& prefix : prefixes) {
    xml.open("CommonPrefixes");
    xml.element("Prefix", encoding(prefix));
    xml.close();
  }
}

void write_person(XmlWriter& xml, std::string_view name, std::string_view principal) {
  xml.open(name);
  xml.element("ID", principal);
  xml.element("DisplayName", principal);
  xml.close();
}

// The form may change: tokens live for one listing.
std::string make_token(BytesView last) { return "1" + to_base64url(last); }

Result<Bytes> parse_token(std::string_view token) {
  if (token.starts_with('1')) {
    auto key = from_base64url(token.substr(1));
    if (key.ok() && !key->empty()) return key;
  }
  return refuse(S3Code::kInvalidArgument, "The continuation token provided is incorrect");
}

}  // namespace dl::api::s3
