#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/partition.h"

namespace dl::audit {

// Who asks for a change, and the record of the decision that lets them. Whoever commits the change appends the record
// in the change's own step and says so once that is durable: a change that is done has exactly one record, and a crash
// leaves both or neither. A record that was not written is the maker's affair (the gate then records a failure). A
// value; what it was made of (a permit) outlives it.
class Author {
 public:
  // Leaves no record: what a node notes about itself, or a test.
  explicit Author(std::string principal) : principal_(std::move(principal)) {}
  Author(std::string principal, Bytes record, std::function<void()> written = {})
      : principal_(std::move(principal)), record_(std::move(record)), written_(std::move(written)) {}
  // A change that the node makes by itself, or for somebody who passes no gate (an enrolling device).
  static Author of_node(const NodeId& node, WallTime now, std::string principal, std::string action,
                        std::string resource);

  const std::string& principal() const { return principal_; }
  // Inside the step, last. Errors: append()'s of the log.
  Result<void> append_to(storage::Batch& batch) const;
  // The same for the queue, where no step is: a refusal.
  const Bytes& record() const { return record_; }
  // The step is durable.
  void written() const;

  // The step will say that it was refused after all.
  void deny(const std::string& reason);
  // For the step that takes a change back whose record is durable: a record of its own, which says that it failed.
  Author taken_back(const std::string& reason) const;

 private:
  std::string principal_;
  Bytes record_;  // encoded; empty: none
  std::function<void()> written_;
};

}  // namespace dl::audit
