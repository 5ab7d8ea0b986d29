#include "cli/api.h"

#include <charconv>

#include "base/error_table.h"

namespace dl::cli {
namespace {

std::string escape_but(std::string_view part, bool slash) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char ch : part) {
    auto c = static_cast<uint8_t>(ch);
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
                 c == '_' || c == '~' || (slash && c == '/');
    if (plain) {
      out += ch;
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out;
}

// nullptr when the text is no "DL-nnnn" of ours.
const ErrorInfo* info_of(std::string_view code) {
  if (!code.starts_with("DL-")) return nullptr;
  int number = 0;
  auto [end, failed] = std::from_chars(code.data() + 3, code.data() + code.size(), number);
  return failed == std::errc() && end == code.data() + code.size() ? find_error_info(number) : nullptr;
}

}  // namespace

std::string escape(std::string_view part) { return escape_but(part, false); }
std::string escape_key(std::string_view key) { return escape_but(key, true); }

Result<format::Json> read_answer(int status, std::string_view body) {
  auto json = format::parse_json(body, {.bytes = 64 << 20, .depth = 64, .members = 4096});
  if (status >= 200 && status < 300) {
    if (!json.ok()) return error(Code::kInternal, "the node's answer is no JSON: " + json.error().message);
    return std::move(*json);
  }
  const ErrorInfo* info = json.ok() ? info_of(json->text("code")) : nullptr;
  if (info) return error(info->code, json->text("message"), json->text("next"));
  return error(status == 404 ? Code::kNotFound : Code::kInternal,
               "the other side answered HTTP " + std::to_string(status) + " and no error of ours",
               "Check that --endpoint is the administration port (7444) of a Demilune node.");
}

}  // namespace dl::cli
