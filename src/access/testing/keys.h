#pragma once

#include <map>
#include <string>

#include "access/sigv4.h"

namespace dl::access::testing {

// Access keys with their secrets, as a hub has them.
class Keys : public KeySource {
 public:
  std::map<std::string, std::string, std::less<>> secrets = {
      {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}};
  KeyStanding verdict = KeyStanding::kUsable;

  KeyStanding standing(std::string_view access_key, uint32_t) const override {
    return secrets.contains(access_key) ? verdict : KeyStanding::kUnknown;
  }
  Result<Bytes> day_region_key(std::string_view access_key, uint32_t day, std::string_view region) const override {
    return access::day_region_key(secrets.find(access_key)->second, day, region);
  }
};

}  // namespace dl::access::testing
