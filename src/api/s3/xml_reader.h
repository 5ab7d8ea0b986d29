#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dl::api::s3 {

// An element of a request document: its own text, or children. Prefixes of names are dropped.
struct XmlElement {
  std::string name;
  std::string text;
  std::vector<XmlElement> children;
  // nullptr when absent.
  const XmlElement* find(std::string_view child) const;
  // Text of that child; nullopt when absent.
  std::optional<std::string> text_of(std::string_view child) const;
};

// Parses bytes of a client. No document type, no entities but the five, bounded depth, elements and size (limits.h).
// Errors: kInvalid (MalformedXML), kTooLarge.
Result<XmlElement> read_xml(std::string_view bytes);

}  // namespace dl::api::s3
