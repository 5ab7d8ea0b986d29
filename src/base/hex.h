#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace dl {

std::string to_hex(std::string_view bytes);              // lower case
Result<std::string> from_hex(std::string_view text);     // either case; kInvalid on other characters or odd length
std::string to_base64(std::string_view bytes);           // RFC 4648 section 4, padded
Result<std::string> from_base64(std::string_view text);  // padding required; kInvalid otherwise
std::string to_base64url(std::string_view bytes);        // RFC 4648 section 5, no padding
Result<std::string> from_base64url(std::string_view text);

}  // namespace dl
