#pragma once

// Inside the room only: x-demilune-wait.
#include "base/task_fwd.h"
#include "objects/engine.h"

namespace dl::objects {

// After a write that is durable here: waits until the home has committed it (which it does only when it holds the body
// too) and marks `put` so. By what the home's history says, looked up in this node's rows; nothing is asked of the
// link. Errors: kUnavailable with kNotAtHub after Deps::hub_wait, or when the write was replaced before the home
// decided: it stays durable here in the first case.
Task<void> wait_for_hub(const Deps* deps, std::string bucket, Bytes key, PutResult* put);

}  // namespace dl::objects
