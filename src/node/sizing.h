#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/settings.h"
#include "format/json.h"
#include "gate/admission.h"
#include "net/http_server.h"
#include "net/runtime.h"
#include "storage/local/limits.h"

// What an operator set, as the parts take it, and what it comes to in memory.
namespace dl::node {

storage::LocalLimits storage_limits(const Settings& settings);
gate::Admission::Limits admission_limits(const Settings& settings);
net::HttpServerOptions http_options(const Settings& settings);
std::unique_ptr<net::Runtime> make_runtime(const Settings& settings);

// One thing that takes memory, with all of it in use.
struct MemoryTerm {
  std::string name;
  uint64_t bytes = 0;
  std::string made_of;  // "2 x http.max_connections x 56 KiB"
};
// The most that the bounded parts hold at the same time. Not in it: what a connected device's session may have on its
// way (sync/limits.h, up to 8 MiB a device that sends faster than the disk takes), and containers, which have limits
// of their own.
std::vector<MemoryTerm> memory_budget(const Settings& settings);

// {settings: [{key, value, origin, default, range, type, about}], memory: {bytes, parts: [{name, bytes, made_of}]}}.
// Secrets are not in it.
format::Json config_json(const Settings& settings);

}  // namespace dl::node
