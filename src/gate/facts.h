#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// What the gate needs to know and may not include: `node` implements these over control state.
namespace dl::gate {

// Where a day lies to those that a device holds keys of; a hub has the secret, and so all days.
enum class DayHeld : uint8_t { kHeld, kBeforeFirst, kAfterLast };

struct KeyFacts {
  std::string user;     // "alice"
  bool enabled = true;  // the key itself
  DayHeld day = DayHeld::kHeld;
};

struct NamedDocument {
  std::string name, document;  // an IAM policy
};

struct UserFacts {
  bool enabled = true;
  std::vector<NamedDocument> policies;
};

// One moment of control state, immutable. Thread-safe.
class Facts {
 public:
  virtual ~Facts() = default;
  virtual uint64_t revision() const = 0;
  // `day`: the credential's, since 1970-01-01.
  virtual std::optional<KeyFacts> find_key(std::string_view access_key, uint32_t day) const = 0;
  // HMAC(HMAC("AWS4" + secret, day), region), see access::KeySource. Errors: kCorrupt, kForeign (the sealed secret).
  virtual Result<Bytes> day_region_key(std::string_view access_key, uint32_t day, std::string_view region) const = 0;
  virtual std::optional<UserFacts> find_user(std::string_view user) const = 0;
};

class Principals {
 public:
  virtual ~Principals() = default;
  virtual std::shared_ptr<const Facts> facts() const = 0;  // now; never null
};

}  // namespace dl::gate
