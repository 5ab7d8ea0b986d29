// The writing half of ServerConnection.
#include <fmt/format.h>

#include "net/http_connection.h"
#include "net/limits.h"
#include "net/text.h"

namespace dl::net {
namespace {

bool is_servers_own(std::string_view name) {
  return equal_no_case(name, "Content-Length") || equal_no_case(name, "Transfer-Encoding") ||
         equal_no_case(name, "Connection") || equal_no_case(name, "Date");
}

}  // namespace

Result<void> ServerConnection::make_head(int status, const HttpHeaders& headers, std::optional<uint64_t> length,
                                         bool chunked) {
  DL_REQUIRE(status >= 200 && status <= 599, "a final status");
  head_.clear();
  // An empty body needs no "100 Continue", but a client that asks for it all the same and gets the final answer in its
  // place (botocore, as in Debian's AWS CLI) reads the next answer on this connection wrongly.
  if (continue_due_ && !request_chunked_ && body_left_ == 0) {
    continue_due_ = false;
    head_ = "HTTP/1.1 100 Continue\r\n\r\n";
  }
  fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  for (const auto& h : headers.list()) {
    if (!is_token(h.name) || !is_header_value(h.value)) {
      head_.clear();
      return error(Code::kInvalid, "the answer's header " + h.name.substr(0, 40) + " holds a forbidden character");
    }
    if (equal_no_case(h.name, "Connection") && equal_no_case(h.value, "close")) close_ = true;
    if (is_servers_own(h.name)) continue;
    head_.append(h.name).append(": ").append(h.value).append("\r\n");
  }
  head_ += loop_.date_line(core_->clock.wall());
  if (chunked) head_ += "Transfer-Encoding: chunked\r\n";
  if (length) fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", *length);
  // A client that still waits for "100 Continue" may or may not send its body: nobody could tell what comes next.
  if (continue_due_ || core_->stopping() || (!request_chunked_ && body_left_ > limits::kMaxDrainBytes)) close_ = true;
  if (close_) {
    head_ += "Connection: close\r\n";
  } else if (parser_.http_1_0()) {
    head_ += "Connection: keep-alive\r\n";
  }
  head_ += "\r\n";
  return {};
}

Task<void> ServerConnection::send(HttpResponse response, std::optional<uint64_t> content_length) {
  DL_REQUIRE(!started_, "a request is answered once");
  uint64_t length = content_length.value_or(response.body.size());
  bodiless_ = is_bodiless(response.status);
  DL_REQUIRE(bodiless_ || length == response.body.size(), "send() has the whole body");
  bool tell = response.status != 204 && (response.status != 304 || content_length);
  DL_CO_OK(make_head(response.status, response.headers, tell ? std::optional(length) : std::nullopt, false));
  started_ = true;
  BytesView body = bodiless_ ? BytesView() : BytesView(response.body);
  co_return co_await stream_->write({head_, body, {}}, core_->options.write_deadline);
}

Task<void> ServerConnection::start(int status, HttpHeaders headers, std::optional<uint64_t> content_length) {
  DL_REQUIRE(!started_, "a request is answered once");
  bodiless_ = is_bodiless(status);
  bool no_length_status = status == 204 || (status == 304 && !content_length);
  until_close_ = !content_length && !no_length_status && parser_.http_1_0();
  if (until_close_ && !bodiless_) close_ = true;
  answer_chunked_ = !content_length && !no_length_status && !until_close_;
  DL_CO_OK(make_head(status, headers, no_length_status ? std::nullopt : content_length, answer_chunked_));
  started_ = true;
  answer_chunked_ = answer_chunked_ && !bodiless_;
  answer_left_ = content_length.value_or(0);
  if (content_length && *content_length > 0 && !bodiless_) {
    // Goes out together with the first bytes of the body, which are sure to come.
    head_pending_ = true;
    co_return Result<void>();
  }
  co_return co_await stream_->write({head_, {}, {}}, core_->options.write_deadline);
}

Task<void> ServerConnection::write(BytesView data) {
  DL_REQUIRE(started_, "start() comes before write()");
  if (data.empty() || bodiless_) co_return Result<void>();
  Millis deadline = core_->options.write_deadline;
  if (answer_chunked_) {
    // head_ went out with start(); its memory serves for the chunk's size.
    head_.clear();
    fmt::format_to(std::back_inserter(head_), "{:x}\r\n", data.size());
    co_return co_await stream_->write({head_, data, "\r\n"}, deadline);
  }
  if (until_close_) co_return co_await stream_->write({data, {}, {}}, deadline);
  if (data.size() > answer_left_) co_return error(Code::kInternal, "a handler wrote more than it promised");
  answer_left_ -= data.size();
  BytesView head = head_pending_ ? BytesView(head_) : BytesView();
  head_pending_ = false;
  co_return co_await stream_->write({head, data, {}}, deadline);
}

}  // namespace dl::net
