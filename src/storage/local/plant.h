#pragma once

// Bugs that a debug build can be told to have by DEMILUNE_PLANT=NAME, so that harnesses outside can show that they
// would find them. A release build has none of this.
namespace dl::storage {

#ifdef NDEBUG
constexpr bool planted_early_ack() { return false; }
#else
// `early-ack`: a commit is acknowledged while its log record is still in this process's memory; 100 ms of quiet write
// it.
bool planted_early_ack();
#endif

}  // namespace dl::storage
