#include "base/hex.h"

#include <array>
#include <cstdint>

namespace dl {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encode64(std::string_view in, std::string_view alphabet, bool pad) {
  std::string out;
  out.reserve((in.size() + 2) / 3 * 4);
  for (size_t i = 0; i < in.size(); i += 3) {
    size_t n = std::min<size_t>(3, in.size() - i);
    uint32_t v = 0;
    for (size_t k = 0; k < 3; k++) v = v << 8 | (k < n ? static_cast<uint8_t>(in[i + k]) : 0);
    for (size_t k = 0; k < 4; k++) {
      if (k <= n)
        out.push_back(alphabet[v >> (18 - 6 * k) & 63]);
      else if (pad)
        out.push_back('=');
    }
  }
  return out;
}

Result<std::string> decode64(std::string_view in, std::string_view alphabet) {
  std::array<int8_t, 256> table;
  table.fill(-1);
  for (size_t i = 0; i < alphabet.size(); i++) table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  if (in.size() % 4 == 1) return error(Code::kInvalid, "base64 of an impossible length");
  std::string out;
  uint32_t v = 0;
  int bits = 0;
  for (char c : in) {
    int d = table[static_cast<uint8_t>(c)];
    if (d < 0) return error(Code::kInvalid, "a character that is not base64");
    v = v << 6 | static_cast<uint32_t>(d);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>(v >> bits));
      v &= (1u << bits) - 1;
    }
  }
  if (v != 0) return error(Code::kInvalid, "base64 with bits left over");
  return out;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

Result<std::string> from_hex(std::string_view text) {
  if (text.size() % 2) return error(Code::kInvalid, "hexadecimal of odd length");
  std::string out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int a = hex_digit(text[i]), b = hex_digit(text[i + 1]);
    if (a < 0 || b < 0) return error(Code::kInvalid, "a character that is not hexadecimal");
    out.push_back(static_cast<char>(a << 4 | b));
  }
  return out;
}

std::string to_base64(std::string_view bytes) { return encode64(bytes, kStandard, true); }
std::string to_base64url(std::string_view bytes) { return encode64(bytes, kUrl, false); }

Result<std::string> from_base64(std::string_view text) {
  if (text.size() % 4) return error(Code::kInvalid, "base64 without its padding");
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; i++) text.remove_suffix(1);
  return decode64(text, kStandard);
}

Result<std::string> from_base64url(std::string_view text) { return decode64(text, kUrl); }

}  // namespace dl
