#pragma once

// Internal to the room: one server connection, from handshake to close. Everything runs on its loop.

#include "net/byte_stream.h"
#include "net/http_parse.h"
#include "net/http_server_core.h"

namespace dl::net {

class ServerConnection final : private BodyReader, private ResponseWriter {
 public:
  ServerConnection(std::shared_ptr<ServerCore> core, size_t loop, Accepted accepted);
  ~ServerConnection() override;
  Task<void> run();
  // Drain: closes now when no request is under way, else after its answer.
  void drain();

 private:
  enum class Head { kRequest, kRefused, kEnd };
  // How the connection goes on after a request.
  enum class After { kKeep, kClose, kCut };

  Task<void> serve();
  Task<Head> read_head();
  Task<After> serve_one();
  Task<After> end_response(Result<void> handled);
  Task<After> drain_body();
  Task<void> refuse(HttpRefusal refusal);
  Task<void> bare(int status);
  // Reads more bytes behind those in the buffer; 0 at the end.
  Task<size_t> fill(Millis deadline);

  Task<size_t> read(char* out, size_t size) override;
  Task<size_t> read_plain(char* out, size_t size);
  Task<size_t> read_chunked(char* out, size_t size);
  Task<void> send(HttpResponse response, std::optional<uint64_t> content_length) override;
  Task<void> start(int status, HttpHeaders headers, std::optional<uint64_t> content_length) override;
  Task<void> write(BytesView data) override;
  bool started() const override { return started_; }

  // Fills head_ with the status line and headers. kInvalid: a header that would break the message.
  Result<void> make_head(int status, const HttpHeaders& headers, std::optional<uint64_t> length, bool chunked);
  bool body_finished() const { return request_chunked_ ? chunks_.done() : body_left_ == 0; }
  BytesView buffered() const { return BytesView(buffer_).substr(begin_, end_ - begin_); }
  void consume(size_t n);
  bool is_bodiless(int status) const { return head_request_ || status < 200 || status == 204 || status == 304; }

  std::shared_ptr<ServerCore> core_;
  ServerLoop& loop_;
  std::shared_ptr<ByteStream> stream_;
  Accepted accepted_;  // its socket has moved into stream_

  Bytes buffer_;  // bytes received and not yet used: [begin_, end_)
  size_t begin_ = 0, end_ = 0;
  RequestParser parser_;
  bool idle_ = true;  // no byte of a request is there

  // The request under way.
  ChunkDecoder chunks_;
  uint64_t body_left_ = 0;
  bool request_chunked_ = false, head_request_ = false, continue_due_ = false, body_failed_ = false;
  // Its answer.
  Bytes head_;
  bool started_ = false, head_pending_ = false, answer_chunked_ = false, bodiless_ = false, close_ = false;
  bool until_close_ = false;  // HTTP/1.0 and no length: the end of the connection ends the body
  uint64_t answer_left_ = 0;  // bytes that were promised and not yet written
};

}  // namespace dl::net
