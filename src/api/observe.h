#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/task_fwd.h"
#include "net/http.h"

namespace dl::gate {
class Pass;
}

namespace dl::api {

// The numbers of one front door: requests by operation and class of status, how long they took, bytes of bodies both
// ways. Which operations there are is said beforehand, so that no client makes a series. Counting takes no lock.
class RequestMetrics {
 public:
  // Of requests that were refused before it was known what they ask.
  static constexpr std::string_view kNoOperation = "none";
  // `metrics` outlives it.
  RequestMetrics(Metrics& metrics, const std::string& door, const std::vector<std::string_view>& operations);
  // Precondition: the operation is one of those, or kNoOperation. Status 0: the connection ended without an answer.
  void count(std::string_view operation, int status, double seconds) const;
  void count_body(uint64_t received, uint64_t sent) const;

 private:
  struct Series {
    std::array<Counter*, 6> by_class{};  // [0]: no answer
    Histogram* seconds = nullptr;
  };
  std::map<std::string_view, Series> operations_;
  Counter* received_;
  Counter* sent_;
};

// An exchange that is looked at while a handler works on it, and counted when this ends. Owned by the frame of the
// handler, one thread.
class Observed {
 public:
  // Takes the request out of `outer`, which outlives it; `metrics` may be null.
  Observed(net::HttpExchange& outer, const RequestMetrics* metrics);
  ~Observed();
  Observed(const Observed&) = delete;
  Observed& operator=(const Observed&) = delete;
  net::HttpExchange& exchange() { return exchange_; }
  void operation(std::string_view name) { operation_ = name; }
  MonoTime begun() const { return begun_; }
  // Is told of the answer's body when that begins.
  void carry(gate::Pass* pass) { writer_.pass = pass; }

 private:
  class Reader : public net::BodyReader {
   public:
    explicit Reader(net::BodyReader& inner) : inner_(inner) {}
    Task<size_t> read(char* out, size_t size) override;
    uint64_t bytes = 0;

   private:
    net::BodyReader& inner_;
  };
  class Writer : public net::ResponseWriter {
   public:
    explicit Writer(net::ResponseWriter& inner) : inner_(inner) {}
    Task<void> send(net::HttpResponse response, std::optional<uint64_t> content_length) override;
    Task<void> start(int status, net::HttpHeaders headers, std::optional<uint64_t> content_length) override;
    Task<void> write(BytesView data) override;
    bool started() const override { return inner_.started(); }
    int status = 0;
    uint64_t bytes = 0;
    gate::Pass* pass = nullptr;

   private:
    net::ResponseWriter& inner_;
  };

  const RequestMetrics* metrics_;
  MonoTime begun_;
  std::string_view operation_ = RequestMetrics::kNoOperation;
  Reader reader_;
  Writer writer_;
  net::HttpExchange exchange_;
};

}  // namespace dl::api
