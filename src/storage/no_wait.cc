#include "storage/no_wait.h"

namespace dl::storage {
namespace {

thread_local NoWait* innermost = nullptr;

}  // namespace

NoWait::NoWait() : outer_(innermost) { innermost = this; }
NoWait::~NoWait() { innermost = outer_; }

bool NoWait::wanted() { return innermost != nullptr; }

void NoWait::refuse() {
  if (innermost) innermost->refused_ = true;
}

}  // namespace dl::storage
