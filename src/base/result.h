#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace dl {

// One code per distinct reaction of a caller; the message is for the operator. S3 and CLI codes are made from these
// only at the front doors. The table (number, name, explanation) is in error_table.cc, from which `demilune explain`
// reads.
enum class Code : uint8_t {
  kInvalid = 1,      // the input is malformed: fix it
  kUnsupported,      // well-formed, not offered here
  kNotFound,         // the named thing does not exist
  kExists,           // it exists already
  kUnauthenticated,  // who is asking is not proven
  kDenied,           // proven, not allowed
  kConflict,         // state moved or forbids it: look again
  kPrecondition,     // a condition that the caller set does not hold
  kTooLarge,         // over a fixed limit of the interface
  kLimit,            // over a configured bound or quota
  kBusy,             // overloaded: try later
  kNoSpace,          // the disk is full
  kTimeout,          // a deadline passed
  kCancelled,        // the owner stopped it
  kUnavailable,      // a node or a body is not reachable now
  kClosed,           // the peer went away
  kCorrupt,          // stored or received bytes fail their check
  kIo,               // the operating system refused
  kForeign,          // a file, key or peer that belongs to something else
  kInternal,         // our own bug
};

struct Error {
  Code code = Code::kInternal;
  std::string message;  // what and why
  std::string next;     // what to do about it; may be empty
  uint16_t reason = 0;  // a room's finer word for its front door (objects/reason.h); 0: the code says it all

  // Prepends where it happened: "opening the store: <message>".
  Error within(std::string_view where) &&;
};

Error error(Code code, std::string message, std::string next = {});

// Value or Error. Never ignored: [[nodiscard]].
template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : v_(std::move(value)) {}               // NOLINT(google-explicit-constructor)
  Result(Error e) : v_(std::unexpected(std::move(e))) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return v_.has_value(); }
  explicit operator bool() const { return ok(); }
  T& value() & {
    DL_ASSERT(ok(), "value() of an error: " + err_text());
    return *v_;
  }
  const T& value() const& {
    DL_ASSERT(ok(), "value() of an error: " + err_text());
    return *v_;
  }
  T&& value() && {
    DL_ASSERT(ok(), "value() of an error: " + err_text());
    return *std::move(v_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& {
    DL_ASSERT(!ok(), "error() of a value");
    return v_.error();
  }
  Error&& error() && {
    DL_ASSERT(!ok(), "error() of a value");
    return std::move(v_).error();
  }
  T value_or(T other) && { return ok() ? *std::move(v_) : std::move(other); }

 private:
  std::string err_text() const { return ok() ? std::string() : v_.error().message; }
  std::expected<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error e) : v_(std::unexpected(std::move(e))) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return v_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const { DL_ASSERT(ok(), "value() of an error: " + v_.error().message); }
  const Error& error() const& {
    DL_ASSERT(!ok(), "error() of a value");
    return v_.error();
  }
  Error&& error() && {
    DL_ASSERT(!ok(), "error() of a value");
    return std::move(v_).error();
  }

 private:
  std::expected<void, Error> v_;
};

}  // namespace dl

#define DL_CAT2(a, b) a##b
#define DL_CAT(a, b) DL_CAT2(a, b)
// DL_TRY(auto x, f());   two statements: the value of f(), or return its error. Not as the body of an unbraced if.
#define DL_TRY(declaration, ...)                                                            \
  auto DL_CAT(dl_try_, __LINE__) = (__VA_ARGS__);                                           \
  if (!DL_CAT(dl_try_, __LINE__).ok()) return std::move(DL_CAT(dl_try_, __LINE__)).error(); \
  declaration = std::move(DL_CAT(dl_try_, __LINE__)).value()
#define DL_OK(...)                                      \
  do {                                                  \
    auto dl_ok_ = (__VA_ARGS__);                        \
    if (!dl_ok_.ok()) return std::move(dl_ok_).error(); \
  } while (0)
// The same inside a coroutine that returns Task<T>.
#define DL_CO_TRY(declaration, ...)                                                            \
  auto DL_CAT(dl_try_, __LINE__) = (__VA_ARGS__);                                              \
  if (!DL_CAT(dl_try_, __LINE__).ok()) co_return std::move(DL_CAT(dl_try_, __LINE__)).error(); \
  declaration = std::move(DL_CAT(dl_try_, __LINE__)).value()
#define DL_CO_OK(...)                                      \
  do {                                                     \
    auto dl_ok_ = (__VA_ARGS__);                           \
    if (!dl_ok_.ok()) co_return std::move(dl_ok_).error(); \
  } while (0)
