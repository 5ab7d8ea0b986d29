#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/run.h"

// A caller's machine and a node in memory, for tests of commands.
namespace dl::cli::testing {

class FakeFiles : public LocalFiles {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, unsigned> modes;

  Result<std::unique_ptr<FileReader>> open(const std::string& path) override {
    auto it = files.find(path);
    if (it == files.end()) return error(Code::kNotFound, "opening " + path + ": no such file");
    return std::unique_ptr<FileReader>(std::make_unique<Reader>(it->second));
  }
  Result<std::unique_ptr<FileWriter>> create(const std::string& path, unsigned mode) override {
    return std::unique_ptr<FileWriter>(std::make_unique<Writer>(*this, path, mode));
  }
  Result<bool> is_directory(const std::string& path) override {
    if (files.count(path)) return false;
    auto it = files.lower_bound(path + "/");
    if (it != files.end() && it->first.starts_with(path + "/")) return true;
    return error(Code::kNotFound, "looking at " + path + ": no such file");
  }
  Result<std::vector<FileEntry>> list(const std::string& directory) override {
    std::vector<FileEntry> out;
    for (const auto& [path, text] : files)
      if (path.starts_with(directory + "/")) out.push_back({path.substr(directory.size() + 1), false, text.size()});
    return out;
  }
  bool exists(const std::string& path) override { return files.count(path) > 0; }

 private:
  class Reader : public FileReader {
   public:
    explicit Reader(std::string text) : text_(std::move(text)) {}
    uint64_t size() const override { return text_.size(); }
    Result<size_t> read(char* out, size_t size) override {
      size_t n = std::min(size, text_.size() - at_);
      text_.copy(out, n, at_);
      at_ += n;
      return n;
    }

   private:
    std::string text_;
    size_t at_ = 0;
  };
  class Writer : public FileWriter {
   public:
    Writer(FakeFiles& all, std::string path, unsigned mode) : all_(all), path_(std::move(path)), mode_(mode) {}
    Result<void> write(std::string_view data) override {
      text_.append(data);
      return {};
    }
    Result<void> finish() override {
      all_.files[path_] = text_;
      all_.modes[path_] = mode_;
      return {};
    }

   private:
    FakeFiles& all_;
    std::string path_, text_;
    unsigned mode_;
  };
};

// Answers in turn per "METHOD path"; the last one stays.
class FakeNode : public Api {
 public:
  struct Asked {
    std::string what, body;
  };
  std::map<std::string, std::vector<Result<format::Json>>> answers;
  std::vector<Asked> asked;
  std::string uploaded;

  void answer(const std::string& what, std::string_view json) {
    answers[what].push_back(format::parse_json(json).value());
  }
  void refuse(const std::string& what, Error e) { answers[what].push_back(std::move(e)); }

  Result<format::Json> call(std::string_view method, const std::string& path, const format::Json& body) override {
    std::string what = std::string(method) + " " + path;
    asked.push_back({what, body.is_null() ? "" : format::write_json(body)});
    auto& list = answers[what];
    if (list.empty()) return error(Code::kInternal, "nobody told the fake node about " + what);
    auto first = list.front();
    if (list.size() > 1) list.erase(list.begin());
    return first;
  }
  Result<format::Json> upload(const std::string& path, Pull pull, std::optional<uint64_t> size) override {
    char piece[1000];
    for (;;) {
      DL_TRY(size_t n, pull(piece, sizeof piece));
      if (n == 0) break;
      uploaded.append(piece, n);
    }
    if (size && *size != uploaded.size()) return error(Code::kInternal, "another size than announced");
    return call("POST", path, {});
  }
};

struct Ran {
  int status = 0;
  std::string out, err;
};

// One world: what a command is run against.
struct World {
  FakeFiles files;
  FakeNode node;
  std::map<std::string, std::string> environment;
  std::string input;
  Hooks hooks;
  std::vector<Millis> waits;
  bool down = false;  // no node answers

  World() {
    hooks.files = &files;
    hooks.version = "1.2.3";
  }

  // The words behind `demilune`, split at blanks.
  Ran run(const std::string& line) {
    std::vector<std::string> words;
    for (size_t at = 0; at < line.size();) {
      size_t end = std::min(line.find(' ', at), line.size());
      if (end > at) words.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    return run_words(std::move(words));
  }
  Ran run_words(std::vector<std::string> words) {
    Ran ran;
    Session session;
    session.connect = [this](const GlobalOptions& global) -> Result<std::unique_ptr<Api>> {
      if (down) return error(Code::kUnavailable, "no node serves " + global.data_dir);
      return std::unique_ptr<Api>(std::make_unique<Borrowed>(node));
    };
    session.wait = [this](Millis time) { waits.push_back(time); };
    session.read_line = [this] { return input; };
    session.environment = [this](const char* name) -> std::optional<std::string> {
      auto it = environment.find(name);
      if (it == environment.end()) return std::nullopt;
      return it->second;
    };
    ran.status = cli::run_words(
        std::move(words), hooks, session, [&ran](std::string_view t) { ran.out.append(t); },
        [&ran](std::string_view t) { ran.err.append(t); });
    return ran;
  }

 private:
  struct Borrowed : Api {
    explicit Borrowed(FakeNode& n) : node(n) {}
    Result<format::Json> call(std::string_view m, const std::string& p, const format::Json& b) override {
      return node.call(m, p, b);
    }
    Result<format::Json> upload(const std::string& p, Pull pull, std::optional<uint64_t> size) override {
      return node.upload(p, std::move(pull), size);
    }
    FakeNode& node;
  };
};

}  // namespace dl::cli::testing
