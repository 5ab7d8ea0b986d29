#include "fleet/projection.h"

#include <doctest/doctest.h>

#include "access/limits.h"
#include "format/record.h"

namespace dl::fleet {
namespace {

constexpr uint32_t kToday = 20'000;

// The day keys of a device's only user, whose names are as long as names may be.
format::DayKeysRow day_keys(uint32_t today, uint32_t lease_days) {
  control::State state;
  const std::string user(64, 'u');
  const std::string key_id(20, 'K');
  format::BucketRow bucket;
  bucket.name = "mission";
  state.buckets[bucket.id] = bucket;
  state.bucket_names[bucket.name] = bucket.id;
  state.users[user].name = user;
  state.keys[key_id] = {.id = key_id, .user = user, .enabled = true, .created_millis = 0, .sealed_secret = {}};
  format::DeviceRow device;
  device.name = "field-01";
  device.state = format::DeviceState::kEnrolled;
  device.buckets = {"mission"};
  ProjectionFacts facts;
  facts.today = today;
  facts.lease_days = lease_days;
  facts.secret_of = [](const std::string&) -> Result<std::string> { return std::string("secret"); };
  facts.touches = [](const format::UserRow&, const std::string&) { return true; };
  auto rows = desired_projection(state, device, facts);
  REQUIRE(rows.ok());
  const Bytes& row = rows->at(control::day_keys_key(key_id));
  CHECK(row.size() <= format::kMaxValueBytes);
  return format::decode_day_keys(row).value();
}

}  // namespace

TEST_CASE("a device holds keys of every day that a presigned URL which still lives can be of") {
  auto row = day_keys(kToday, 400);
  CHECK(row.first_day == kToday - 8);
  CHECK(row.days() == 8 + 400);
  CHECK(row.keys.substr(8 * 32, 32) == control::day_region_key("secret", kToday, "field-01"));
  CHECK(row.keys.substr(0, 32) == control::day_region_key("secret", kToday - 8, "field-01"));
  CHECK(std::chrono::days(kToday - row.first_day) > access::limits::kMaxPresignedExpiry);
}

TEST_CASE("the longest lease fits a row, and no day is before 1970") {
  CHECK(day_keys(kToday, kMaxLeaseDays).days() == 8 + kMaxLeaseDays);
  CHECK(day_keys(kToday, 1'000'000).days() == 8 + kMaxLeaseDays);
  CHECK(day_keys(3, 10).first_day == 0);
  CHECK(day_keys(3, 10).days() == 13);
}

}  // namespace dl::fleet
