#include "node/principals.h"

namespace dl::node {
namespace {

class StateFacts : public gate::Facts {
 public:
  StateFacts(const control::Control& control, std::shared_ptr<const control::State> state)
      : control_(control), state_(std::move(state)) {}

  uint64_t revision() const override { return state_->revision; }

  std::optional<gate::KeyFacts> find_key(std::string_view access_key, uint32_t day) const override {
    std::string id(access_key);
    if (auto key = state_->keys.find(id); key != state_->keys.end())
      return gate::KeyFacts{key->second.user, key->second.enabled, gate::DayHeld::kHeld};
    if (auto key = state_->day_keys.find(id); key != state_->day_keys.end()) {
      const auto& row = key->second;
      gate::DayHeld held = gate::DayHeld::kHeld;
      if (row.enabled && day < row.first_day) held = gate::DayHeld::kBeforeFirst;  // a disabled key holds no day
      if (row.enabled && day >= row.first_day && day - row.first_day >= row.days()) held = gate::DayHeld::kAfterLast;
      return gate::KeyFacts{row.user, row.enabled, held};
    }
    return std::nullopt;
  }

  Result<Bytes> day_region_key(std::string_view access_key, uint32_t day, std::string_view region) const override {
    std::string id(access_key);
    if (auto key = state_->day_keys.find(id); key != state_->day_keys.end()) {
      const auto& row = key->second;
      if (day < row.first_day || day - row.first_day >= row.days()) return error(Code::kNotFound, "no key of that day");
      return row.keys.substr(static_cast<size_t>(day - row.first_day) * 32, 32);
    }
    DL_TRY(auto secret, control_.secret_of(id));
    return control::day_region_key(secret, day, region);
  }

  std::optional<gate::UserFacts> find_user(std::string_view user) const override {
    const auto* row = state_->find_user(std::string(user));
    if (!row) return std::nullopt;
    gate::UserFacts facts{row->enabled, {}};
    for (const auto& policy : row->policies) facts.policies.push_back({policy.name, policy.document});
    return facts;
  }

 private:
  const control::Control& control_;
  std::shared_ptr<const control::State> state_;
};

}  // namespace

std::shared_ptr<const gate::Facts> ControlPrincipals::facts() const {
  return std::make_shared<StateFacts>(control_, control_.state());
}

}  // namespace dl::node
