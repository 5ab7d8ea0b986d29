#pragma once

#include <string>

#include "base/result.h"
#include "format/enroll.h"

namespace dl::node {

// In the ring before the hub is asked: a directory that says so and has no identity yet is never taken for a new hub.
inline constexpr char kEnrolling[] = "node/enrolling";

// Makes `data_dir` a device of the hub that the code names: keys, the hub's word, identity, in this order, each durable
// before the next. Cut off at any point it can be run again with the same code. Errors: kInvalid (the code), kForeign
// (the hub's CA is not the code's; the directory belongs to something else), kDenied (the hub refuses the code),
// kUnavailable (no hub there). Nothing of an existing node is changed.
Result<format::NodeIdentity> enroll_device(const std::string& code, const std::string& data_dir);

}  // namespace dl::node
