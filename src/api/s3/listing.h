#pragma once

// Inside the room: what the listings share.
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/request.h"
#include "api/s3/xml_writer.h"
#include "base/result.h"

namespace dl::api::s3 {

// How keys are written: as they are, or with encoding-type=url.
struct Encoding {
  bool url = false;
  std::string operator()(BytesView text) const {
    return url ? access::uri_encode(text, access::Slash::kKeep) : std::string(text);
  }
};
// Errors: kInvalidArgument for a type other than url.
Result<Encoding> parse_encoding(const Request& request);
void write_encoding(XmlWriter& xml, const Encoding& encoding);
void write_prefixes(XmlWriter& xml, const Encoding& encoding, const std::vector<Bytes>& prefixes);
// <NAME><ID>..</ID><DisplayName>..</DisplayName></NAME>
void write_person(XmlWriter& xml, std::string_view name, std::string_view principal);

// The key that a continuation token stands for. Errors: kInvalidArgument.
std::string make_token(BytesView last);
Result<Bytes> parse_token(std::string_view token);

}  // namespace dl::api::s3
