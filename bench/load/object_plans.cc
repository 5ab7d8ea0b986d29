#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "bench/load/bodies.h"
#include "bench/load/plan.h"
#include "crypto/hash.h"

namespace dl::bench {
namespace {

// Requests for single objects, made and judged; which ones come is the derived class's affair.
class ObjectPlan : public Plan {
 public:
  ObjectPlan(const Options& o, Signer& signer)
      : o_(o), signer_(signer), bodies_(o.size, o.body_seed), random_(o.seed), empty_hash_(crypto::sha256("").hex()) {}

 protected:
  std::string in_set(size_t n) const { return fmt::format("/{}/{}/{:08}", o_.bucket, o_.set, n); }
  std::string in_run(size_t n) const { return fmt::format("/{}/{}/{:08}", o_.bucket, o_.run, n); }
  size_t any() { return random_() % o_.objects; }

  void put(Job& job, const std::string& path, size_t n) {
    job = Job();
    job.head = signer_.head({.method = "PUT", .path = path, .payload_hash = bodies_.hash_of(n), .body_size = o_.size});
    job.body = bodies_.of(n);
    job.key = n;
  }
  void get(Job& job, size_t n) {
    job = Job();
    job.head = signer_.head({.method = "GET", .path = in_set(n), .payload_hash = empty_hash_});
    if (o_.compare == "bytes") job.want.body = bodies_.of(n);
    job.length = o_.size;
  }
  void head(Job& job, size_t n) {
    job = Job();
    job.head = signer_.head({.method = "HEAD", .path = in_set(n), .payload_hash = empty_hash_});
    job.want.is_head = true;
    job.length = o_.size;
  }
  void remove(Job& job, size_t n) {
    job = Job();
    job.head = signer_.head({.method = "DELETE", .path = in_run(n), .payload_hash = empty_hash_});
    job.status = 204;
  }

  const Options& o_;
  Signer& signer_;
  Bodies bodies_;
  std::mt19937_64 random_;
  std::string empty_hash_;
  size_t next_ = 0;
};

class Put : public ObjectPlan {
 public:
  using ObjectPlan::ObjectPlan;
  bool next(size_t, Job& job) override {
    size_t n = next_++;
    put(job, in_run(n), n);
    return true;
  }
};

class Get : public ObjectPlan {
 public:
  using ObjectPlan::ObjectPlan;
  bool next(size_t, Job& job) override {
    get(job, any());
    return true;
  }
};

class Head : public ObjectPlan {
 public:
  using ObjectPlan::ObjectPlan;
  bool next(size_t, Job& job) override {
    head(job, any());
    return true;
  }
};

class PutGet : public ObjectPlan {
 public:
  using ObjectPlan::ObjectPlan;
  bool next(size_t, Job& job) override {
    size_t n = next_++;
    if (n % 2 == 0)
      put(job, in_run(n), n);
    else
      get(job, any());
    return true;
  }
};

class Fill : public ObjectPlan {
 public:
  Fill(const Options& o, Signer& signer) : ObjectPlan(o, signer) { next_ = o.from; }
  bool next(size_t, Job& job) override {
    if (is_over()) return false;
    size_t n = next_++;
    put(job, in_set(n), n);
    return true;
  }
  bool is_over() const override { return next_ >= o_.objects; }
};

// A shuffled deck of 100 requests, again and again. What is deleted was written and acknowledged in this run, so that
// it is there, and no GET or HEAD needs it. The first requests are PUTs, so that there is something to delete.
class Mixed : public ObjectPlan {
 public:
  using ObjectPlan::ObjectPlan;

  bool next(size_t, Job& job) override {
    char kind = next_ < kFirstPuts ? 'P' : draw();
    if (kind == 'D' && written_.empty()) kind = 'P';
    if (kind == 'G') get(job, any());
    if (kind == 'H') head(job, any());
    if (kind == 'D') {
      remove(job, written_.back());
      written_.pop_back();
    }
    if (kind == 'P') {
      put(job, in_run(next_), next_);
      job.is_put_of_mixed = true;
      ++next_;
    }
    return true;
  }

  std::string judge(size_t connection, const Job& job, const Answer& answer) override {
    std::string fault = ObjectPlan::judge(connection, job, answer);
    if (job.is_put_of_mixed && fault.empty()) written_.push_back(job.key);
    return fault;
  }

 private:
  static constexpr size_t kFirstPuts = 64;

  char draw() {
    if (at_ == deck_.size()) {
      auto [g, h, p] = std::array{deck_.begin() + 45, deck_.begin() + 75, deck_.begin() + 90};
      std::fill(deck_.begin(), g, 'G');
      std::fill(g, h, 'H');
      std::fill(h, p, 'P');
      std::fill(p, deck_.end(), 'D');
      std::shuffle(deck_.begin(), deck_.end(), random_);
      at_ = 0;
    }
    return deck_[at_++];
  }

  std::array<char, 100> deck_{};
  size_t at_ = 100;
  std::vector<size_t> written_;
};

}  // namespace

std::string Plan::judge(size_t, const Job& job, const Answer& answer) {
  if (answer.status() != job.status) return fmt::format("status {}", answer.status());
  if (job.want.is_head && answer.length() != job.length) return "wrong length told";
  if (!job.want.is_head && job.length != 0 && answer.body_bytes() != job.length) return "wrong length of body";
  if (!answer.matches()) return "wrong bytes";
  return "";
}

void Plan::lost(size_t, const Job&) {}

std::unique_ptr<Plan> make_object_plan(const Options& o, Signer& signer) {
  if (o.op == "put") return std::make_unique<Put>(o, signer);
  if (o.op == "get") return std::make_unique<Get>(o, signer);
  if (o.op == "head") return std::make_unique<Head>(o, signer);
  if (o.op == "putget") return std::make_unique<PutGet>(o, signer);
  if (o.op == "mixed") return std::make_unique<Mixed>(o, signer);
  if (o.op == "fill") return std::make_unique<Fill>(o, signer);
  return nullptr;
}

}  // namespace dl::bench
