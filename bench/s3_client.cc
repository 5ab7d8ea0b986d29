#include "bench/s3_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/hex.h"
#include "crypto/hash.h"

namespace dl::bench {
namespace {

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "s3_bench: {}\n", why);
  std::exit(1);
}

// The value of `name` in a response head, or empty. `name` in lower case.
std::string_view header(std::string_view head, std::string_view name) {
  size_t at = head.find("\r\n");
  while (at != std::string_view::npos) {
    at += 2;
    size_t end = head.find("\r\n", at);
    std::string_view line = head.substr(at, end - at);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      line.remove_prefix(name.size() + 1);
      while (line.starts_with(' ')) line.remove_prefix(1);
      return line;
    }
    at = end;
  }
  return {};
}

size_t number(std::string_view text, int base) {
  size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// Size of a whole chunked body at the start of `data` (0: more to come); `payload` gets the size of its content.
size_t chunked_size(std::string_view data, size_t& payload) {
  size_t at = 0;
  payload = 0;
  while (true) {
    size_t line = data.find("\r\n", at);
    if (line == std::string_view::npos) return 0;
    size_t size = number(data.substr(at, line - at), 16);
    payload += size;
    at = line + 2 + size + 2;
    if (at > data.size()) return 0;
    if (size == 0) return at;
  }
}

}  // namespace

void read_credentials(const std::string& path, Target& target) {
  std::ifstream file(path);
  if (!file) fail("no credentials file " + path);
  auto value = [](std::string_view line) {
    line.remove_prefix(std::min(line.find('=') + 1, line.size()));
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with(' ') || line.ends_with('\r')) line.remove_suffix(1);
    return std::string(line);
  };
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("aws_access_key_id")) target.access_key = value(line);
    if (line.starts_with("aws_secret_access_key")) target.secret_key = value(line);
  }
  if (target.access_key.empty() || target.secret_key.empty()) fail("no keys in " + path);
}

void Signer::refresh() {
  auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (now == now_) return;
  now_ = now;
  std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  amz_date_ = fmt::format("{:%Y%m%dT%H%M%SZ}", utc);
  if (amz_date_.starts_with(day_) && !day_.empty()) return;
  day_ = amz_date_.substr(0, 8);
  scope_ = day_ + "/" + target_.region + "/s3/aws4_request";
  key_ = "AWS4" + target_.secret_key;
  for (std::string_view part : {std::string_view(day_), std::string_view(target_.region), std::string_view("s3"),
                                std::string_view("aws4_request")})
    key_ = crypto::hmac_sha256(key_, part).bytes();
}

std::string Signer::head(std::string_view method, std::string_view path, std::string_view payload_hash,
                         size_t body_size) {
  refresh();
  constexpr std::string_view kSigned = "host;x-amz-content-sha256;x-amz-date";
  std::string canonical = fmt::format("{}\n{}\n\nhost:{}\nx-amz-content-sha256:{}\nx-amz-date:{}\n\n{}\n{}", method,
                                      path, target_.address(), payload_hash, amz_date_, kSigned, payload_hash);
  std::string text = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", amz_date_, scope_, crypto::sha256(canonical).hex());
  std::string head = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\nx-amz-content-sha256: {}\r\nx-amz-date: {}\r\nAuthorization: AWS4-HMAC-SHA256 "
      "Credential={}/{}, SignedHeaders={}, Signature={}\r\n",
      method, path, target_.address(), payload_hash, amz_date_, target_.access_key, scope_, kSigned,
      crypto::hmac_sha256(key_, text).hex());
  if (method == "PUT") head += fmt::format("Content-Length: {}\r\n", body_size);
  return head + "\r\n";
}

Connection::Connection(const Target& target) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail(std::string("no socket: ") + std::strerror(errno));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(target.port);
  if (::inet_pton(AF_INET, target.host.c_str(), &to.sin_addr) != 1) fail("not an IPv4 address: " + target.host);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    fail("no connection to " + target.address() + ": " + std::strerror(errno));
  int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      head_(std::move(other.head_)),
      body_(other.body_),
      sent_(other.sent_),
      in_(std::move(other.in_)),
      status_(other.status_),
      body_size_(other.body_size_) {}

void Connection::send(std::string head, std::string_view body) {
  head_ = std::move(head);
  body_ = body;
  sent_ = 0;
  in_.clear();
}

bool Connection::write_some() {
  while (wants_write()) {
    iovec parts[2] = {};
    int count = 0;
    if (sent_ < head_.size()) parts[count++] = {head_.data() + sent_, head_.size() - sent_};
    size_t of_body = sent_ < head_.size() ? 0 : sent_ - head_.size();
    parts[count++] = {const_cast<char*>(body_.data()) + of_body, body_.size() - of_body};
    ssize_t n = ::writev(fd_, parts, count);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<size_t>(n);
  }
  return true;
}

Connection::State Connection::parse() {
  std::string_view in = in_;
  size_t end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) return State::kBusy;
  std::string_view head = in.substr(0, end + 2);
  std::string_view rest = in.substr(end + 4);
  if (head.size() < 12) return State::kBroken;
  status_ = static_cast<int>(number(head.substr(9, 3), 10));
  if (status_ == 100) {
    in_.erase(0, end + 4);
    return parse();
  }
  size_t whole = 0;
  if (header(head, "transfer-encoding") == "chunked") {
    whole = chunked_size(rest, body_size_);
    if (whole == 0) return State::kBusy;
  } else {
    whole = body_size_ = number(header(head, "content-length"), 10);
  }
  if (rest.size() < whole) return State::kBusy;
  return rest.size() == whole && !wants_write() ? State::kDone : State::kBroken;
}

Connection::State Connection::read_some() {
  char buffer[64 * 1024];
  while (true) {
    ssize_t n = ::read(fd_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? State::kBusy : State::kBroken;
    if (n == 0) return State::kBroken;
    in_.append(buffer, static_cast<size_t>(n));
    State state = parse();
    if (state != State::kBusy || static_cast<size_t>(n) < sizeof buffer) return state;
  }
}

Connection::State Connection::advance() {
  if (!write_some()) return State::kBroken;
  return read_some();
}

}  // namespace dl::bench
