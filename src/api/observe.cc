#include "api/observe.h"

#include "gate/admission.h"

#include "base/assert.h"
#include "base/task.h"

namespace dl::api {
namespace {

constexpr std::array<const char*, 6> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr uint64_t kCarried = 16 * 1024;  // a smaller answer takes no more than its connection has anyway

}  // namespace

RequestMetrics::RequestMetrics(Metrics& metrics, const std::string& door,
                               const std::vector<std::string_view>& operations) {
  auto add = [&](std::string_view name) {
    auto& series = operations_[name];
    const std::string operation(name);
    for (size_t i = 0; i < kClasses.size(); i++)
      series.by_class[i] = &metrics.counter("demilune_requests_total", "Requests by operation and class of status",
                                            {{"door", door}, {"operation", operation}, {"status", kClasses[i]}});
    series.seconds =
        &metrics.histogram("demilune_request_seconds", "From the head of a request to the end of its answer",
                           latency_bounds(), {{"door", door}, {"operation", operation}});
  };
  add(kNoOperation);
  for (auto name : operations) add(name);
  received_ = &metrics.counter("demilune_request_body_bytes_total", "Bytes of bodies that came", {{"door", door}});
  sent_ = &metrics.counter("demilune_response_body_bytes_total", "Bytes of bodies that were sent", {{"door", door}});
}

void RequestMetrics::count(std::string_view operation, int status, double seconds) const {
  auto it = operations_.find(operation);
  DL_ASSERT(it != operations_.end(), "an operation without a series");
  size_t at = status >= 100 && status < 600 ? static_cast<size_t>(status / 100) : 0;
  it->second.by_class[at]->add();
  it->second.seconds->observe(seconds);
}

void RequestMetrics::count_body(uint64_t received, uint64_t sent) const {
  received_->add(received);
  sent_->add(sent);
}

Observed::Observed(net::HttpExchange& outer, const RequestMetrics* metrics)
    : metrics_(metrics),
      begun_(system_clock().mono()),
      reader_(outer.body),
      writer_(outer.response),
      exchange_{std::move(outer.request), reader_, writer_} {}

Observed::~Observed() {
  if (!metrics_) return;
  metrics_->count(operation_, writer_.status, std::chrono::duration<double>(system_clock().mono() - begun_).count());
  metrics_->count_body(reader_.bytes, writer_.bytes);
}

Task<size_t> Observed::Reader::read(char* out, size_t size) {
  DL_CO_TRY(size_t n, co_await inner_.read(out, size));
  bytes += n;
  co_return n;
}

Task<void> Observed::Writer::send(net::HttpResponse response, std::optional<uint64_t> content_length) {
  if (pass && response.body.size() >= kCarried) DL_CO_OK(pass->carry(response.body.size()));
  status = response.status;
  bytes += response.body.size();
  co_return co_await inner_.send(std::move(response), content_length);
}

Task<void> Observed::Writer::start(int code, net::HttpHeaders headers, std::optional<uint64_t> content_length) {
  if (pass && content_length.value_or(kCarried) >= kCarried) DL_CO_OK(pass->carry(content_length.value_or(kCarried)));
  status = code;
  co_return co_await inner_.start(code, std::move(headers), content_length);
}

Task<void> Observed::Writer::write(BytesView data) {
  bytes += data.size();
  co_return co_await inner_.write(data);
}

}  // namespace dl::api
