#include "storage/local/plant.h"

#ifndef NDEBUG

#include <cstdlib>
#include <string_view>

#include "base/log.h"

namespace dl::storage {

bool planted_early_ack() {
  static const bool planted = [] {
    const char* name = std::getenv("DEMILUNE_PLANT");
    if (name == nullptr || *name == '\0') return false;
    DL_REQUIRE(std::string_view(name) == "early-ack", "DEMILUNE_PLANT names no bug that this build can have");
    log_warn("storage", "early-ack is planted: this node loses what it acknowledges when it is killed");
    return true;
  }();
  return planted;
}

}  // namespace dl::storage

#endif
