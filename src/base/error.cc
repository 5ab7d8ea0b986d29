#include "base/result.h"

namespace dl {

Error error(Code code, std::string message, std::string next) { return {code, std::move(message), std::move(next)}; }

Error Error::within(std::string_view where) && {
  message.insert(0, std::string(where) + ": ");
  return std::move(*this);
}

}  // namespace dl
