#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "access/amz_time.h"
#include "access/sigv4.h"
#include "access/testing/keys.h"

using namespace dl;

// Lines: method, path, query, then "name:value" headers. Nothing that a fuzzer makes up can be let in: it does not know
// the secret.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto line = [&] {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
  };
  std::string_view method = line(), path = line(), query = line();
  std::vector<access::HeaderView> headers;
  while (!rest.empty()) {
    std::string_view h = line();
    size_t colon = std::min(h.find(':'), h.size());
    headers.push_back({h.substr(0, colon), h.substr(std::min(colon + 1, h.size()))});
  }
  static access::Verifier verifier;
  access::testing::Keys keys;
  keys.secrets["AKIAIOSFODNN7EXAMPLE"] = "a secret that no example was signed with";
  auto now = *access::parse_amz_date("20130524T000000Z");
  auto verified = verifier.verify({method, path, query, headers}, {"us-east-1", {"s3"}}, now, keys);
  if (verified.ok()) __builtin_trap();
  return 0;
}
