#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/load/answer.h"
#include "bench/load/options.h"
#include "bench/load/signer.h"

namespace dl::bench {

// One request as a connection carries it, and what a good answer to it is.
struct Job {
  std::string head;
  std::string_view body;  // points into the plan, or into own_body
  std::string own_body;   // of requests that are not made from the common bodies
  Answer::Want want;
  int status = 200;   // a good answer's
  size_t length = 0;  // that HEAD must tell
  bool is_put_of_mixed = false;
  size_t key = 0;
};

// What the connections ask for. One thread. Connections are numbered from 0.
class Plan {
 public:
  virtual ~Plan() = default;
  // The next request of a connection into `job`; false when there is none now.
  virtual bool next(size_t connection, Job& job) = 0;
  // Sees each whole answer. What is wrong with it in a few words, the same for the same fault; empty: nothing.
  virtual std::string judge(size_t connection, const Job& job, const Answer& answer);
  // A request of this connection got no whole answer.
  virtual void lost(size_t connection, const Job& job);
  // Works that end by a count: whether all of it was asked for.
  virtual bool is_over() const { return false; }
  // Keys that listings named so far.
  virtual size_t keys() const { return 0; }
};

// Null when there is no such operation. `options` and `signer` outlive the plan.
std::unique_ptr<Plan> make_object_plan(const Options& options, Signer& signer);  // object_plans.cc
std::unique_ptr<Plan> make_list_plan(const Options& options, Signer& signer);    // list_plans.cc

}  // namespace dl::bench
