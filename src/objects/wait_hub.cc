#include "objects/wait_hub.h"

#include <algorithm>

#include "base/task.h"
#include "objects/run.h"

namespace dl::objects {
namespace {

constexpr Millis kFirstLook{20}, kLongestPause{500};

Error not_at_hub(const std::string& why) {
  return refuse(Code::kUnavailable, Reason::kNotAtHub, why,
                "The write need not be repeated: it goes to the hub by itself; HEAD shows x-demilune-durable");
}

}  // namespace

Task<void> wait_for_hub(const Deps* deps, std::string bucket, Bytes key, PutResult* put) {
  const MonoTime due = system_clock().mono() + deps->hub_wait;
  for (Millis pause = kFirstLook;; pause = std::min(pause * 2, kLongestPause)) {
    auto info = deps->buckets->find_bucket(bucket);
    if (!info) co_return not_at_hub("the bucket was deleted, or taken from this node, before the hub had the write");
    DL_CO_TRY(SpaceHandle at, deps->spaces->find_space(*info));
    auto look = [at, key, version = put->version]() -> Result<std::optional<journal::State>> {
      DL_TRY(auto view, at.partition->snapshot());
      DL_TRY(auto found, journal::find_version(*view, *at.space, key, version));
      return found ? std::optional(found->state) : std::nullopt;
    };
    DL_CO_TRY(auto state, co_await on_pool<std::optional<journal::State>>(deps, look));
    if (state == journal::State::kCommitted) {
      put->at_hub = true;
      co_return Result<void>();
    }
    if (!state) co_return not_at_hub("another write replaced this one before the hub had it");
    if (system_clock().mono() >= due)
      co_return not_at_hub("the write is safe on this node; the hub has not committed it yet");
    DL_CO_OK(co_await net::sleep_for(pause));
  }
}

}  // namespace dl::objects
