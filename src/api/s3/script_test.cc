#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "api/s3/testing/world.h"

// Conformance as data: tests/s3/*.txt, one world a file.
//   > METHOD TARGET          a request; headers, body and options follow
//   > Name: value
//   | a line of the body     (joined by newlines)
//   % repeat N TEXT          body: TEXT N times
//   % user NAME   % payload X   % region R   % chunked   % presigned   % advance MILLIS
//   < STATUS                 what must come back
//   < Name: value            a header, exactly ("*": present, "-": absent)
//   ~ TEXT   !~ TEXT         the body holds it, holds it not
//   = TEXT                   the body is it (several lines: joined by newlines)
//   @ NAME header H          keep a value for ${NAME} in later lines
//   @ NAME tag ELEMENT
namespace dl::api::s3::testing {
namespace {

class Script {
 public:
  explicit Script(std::string name) : name_(std::move(name)) {}

  void run(std::istream& in) {
    std::string line;
    while (std::getline(in, line)) {
      ++number_;
      if (line.empty() || line[0] == '#') continue;
      step(expand(line));
    }
    finish();
  }

 private:
  void step(const std::string& line) {
    const std::string text = line.size() > 2 ? line.substr(2) : "";
    if (line.starts_with("> ")) return on_request(text);
    if (line.starts_with("|")) return on_body(text);
    if (line.starts_with("% ")) return on_option(text);
    send();
    INFO(name_, ":", number_, " ", line, "\nstatus ", answer_.status, "\n", answer_.body);
    if (line.starts_with("< ")) return on_answer(text);
    if (line.starts_with("~ ")) {
      CHECK(answer_.body.find(text) != Bytes::npos);
      return;
    }
    if (line.starts_with("!~ ")) {
      CHECK(answer_.body.find(line.substr(3)) == Bytes::npos);
      return;
    }
    if (line.starts_with("=")) return on_exact(text);
    if (line.starts_with("@ ")) return on_keep(text);
    FAIL(name_, ":", number_, ": not understood: ", line);
  }

  void on_request(const std::string& text) {
    const size_t colon = text.find(": ");
    const size_t blank = text.find(' ');
    if (pending_ && colon != std::string::npos && colon < blank) {
      ask_.headers.emplace_back(text.substr(0, colon), text.substr(colon + 2));
      return;
    }
    finish();
    ask_ = {};
    ask_.method = text.substr(0, blank);
    ask_.target = text.substr(blank + 1);
    pending_ = true;
    body_lines_ = 0;
  }

  void on_body(const std::string& text) {
    if (body_lines_++ > 0) ask_.body += '\n';
    ask_.body += text;
  }

  void on_option(const std::string& text) {
    std::istringstream words(text);
    std::string what, value;
    words >> what >> value;
    if (what == "repeat") {
      std::string unit;
      words >> unit;
      for (long n = std::stol(value); n > 0; --n) ask_.body += unit;
    } else if (what == "user") {
      ask_.user = value;
    } else if (what == "payload") {
      ask_.payload = value;
    } else if (what == "region") {
      ask_.region = value;
    } else if (what == "chunked") {
      ask_.chunked = true;
    } else if (what == "presigned") {
      ask_.presigned = true;
    } else if (what == "advance") {
      world_.clock().advance(Millis(std::stol(value)));
    } else {
      FAIL(name_, ":", number_, ": no option ", what);
    }
  }

  void on_answer(const std::string& text) {
    const size_t colon = text.find(": ");
    if (colon == std::string::npos) {
      CHECK(std::to_string(answer_.status) == text);
      return;
    }
    const std::string header = text.substr(0, colon), value = text.substr(colon + 2);
    if (value == "*") {
      CHECK(answer_.has(header));
    } else if (value == "-") {
      CHECK_FALSE(answer_.has(header));
    } else {
      CHECK(answer_.header(header) == value);
    }
  }

  void on_exact(const std::string& text) {
    exact_ += (exact_lines_++ > 0 ? "\n" : "") + text;
    checked_exact_ = true;
  }

  void on_keep(const std::string& text) {
    std::istringstream words(text);
    std::string name, kind, what;
    words >> name >> kind >> what;
    kept_[name] = kind == "header" ? answer_.header(what) : answer_.tag(what);
    CHECK_FALSE(kept_[name].empty());
  }

  void send() {
    if (!pending_) return;
    answer_ = world_.ask(std::move(ask_));
    CHECK_FALSE(answer_.cut);
    pending_ = false;
    exact_.clear();
    exact_lines_ = 0;
    checked_exact_ = false;
  }

  void finish() {
    if (pending_) send();
    INFO(name_, " before line ", number_);
    if (checked_exact_) CHECK(answer_.body == exact_);
    checked_exact_ = false;
  }

  std::string expand(std::string line) const {
    for (const auto& [name, value] : kept_)
      for (size_t at; (at = line.find("${" + name + "}")) != std::string::npos;)
        line.replace(at, name.size() + 3, value);
    return line;
  }

  std::string name_;
  World world_;
  Ask ask_;
  Answer answer_;
  bool pending_ = false, checked_exact_ = false;
  int number_ = 0, body_lines_ = 0, exact_lines_ = 0;
  std::string exact_;
  std::map<std::string, std::string> kept_;
};

}  // namespace

TEST_CASE("S3 answers as the conformance scripts say") {
  size_t scripts = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DL_S3_SCRIPTS)) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream in(entry.path());
    ++scripts;
    Script(entry.path().filename().string()).run(in);
  }
  CHECK(scripts > 0);
}

}  // namespace dl::api::s3::testing
