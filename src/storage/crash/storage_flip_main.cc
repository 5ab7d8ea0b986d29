// Damages one bit, or cuts the end, of one file of a closed store and opens it again.
//   storage_flip [--trials N] [--seed S] [--plant no-watermark]
// Each trial is refused (then not a byte was changed), answered with an error where it is read, or harmless. What must
// never happen is wrong or missing content without a word. The planted bug is a store without the watermark's sequence.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "base/log.h"
#include "storage/crash/workload.h"
#include "storage/local/watermark.h"

namespace dl::storage::crash {
namespace {

#ifdef DL_PLANT_DEFAULT_WAL_MODE
constexpr bool kPlantedBuild = true;
#else
constexpr bool kPlantedBuild = false;
#endif

struct Outcome {
  uint64_t refused = 0, told = 0, harmless = 0, silent = 0;
};

using Files = std::map<std::string, Bytes>;

Files files_of(const SimDisk& disk) {
  Files out;
  for (const auto& path : disk.files()) out[path] = disk.content(path);
  return out;
}

std::string kind_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  if (path.find("/watermark/") != std::string::npos) return "watermark";
  for (std::string ending : {".log", ".sst", ".blob", ".seg"})
    if (name.ends_with(ending)) return ending.substr(1);
  return name.substr(0, name.find('-'));
}

// Takes the sequence out of the watermark: the planted bug.
void blind(SimDisk& disk) {
  for (const auto& path : disk.files()) {
    if (kind_of(path) != "watermark") continue;
    Bytes both = disk.content(path);
    for (size_t slot : {0, 1}) {
      auto mark = decode_mark(BytesView(both).substr(slot * kMarkBytes, kMarkBytes));
      if (!mark) continue;
      mark->first.sequence = 0;
      both.replace(slot * kMarkBytes, kMarkBytes, encode_mark(mark->first, mark->second));
    }
    disk.set_content(path, both);
  }
}

class Campaign {
 public:
  Campaign(uint64_t trials, uint64_t seed, Plant plant) : trials_(trials), seed_(seed), plant_(plant), engine_(seed) {}

  int run() {
    uint64_t failed = 0, passed = 0;
    uint64_t each =
        plant_ == Plant::kNone && !kPlantedBuild ? 500 : 20;  // trials on one store; the bug shows in some stores only
    for (uint64_t i = 1; i <= trials_ && failed == 0; i++) {
      if ((i - 1) % each == 0 && !prepare()) return 1;
      trial(i) ? passed++ : failed++;
    }
    for (const auto& [kind, o] : outcomes_)
      std::printf("  %-10s refused %4llu, told when read %4llu, harmless %4llu, silent %llu\n", kind.c_str(),
                  static_cast<unsigned long long>(o.refused), static_cast<unsigned long long>(o.told),
                  static_cast<unsigned long long>(o.harmless), static_cast<unsigned long long>(o.silent));
    std::printf("storage_flip, seed %llu: %llu passed, %llu failed\n", static_cast<unsigned long long>(seed_),
                static_cast<unsigned long long>(passed), static_cast<unsigned long long>(failed));
    return failed == 0 && passed > 0 ? 0 : 1;
  }

 private:
  // A store with a bit of everything in it, closed in peace.
  bool prepare() {
    load_ = std::make_unique<Workload>(engine_(), Plant::kNone);
    if (plant_ == Plant::kNoWatermark || kPlantedBuild)
      load_->stay();  // the bug shows when the last commit is a real one
    auto opened = load_->open();
    if (opened.ok()) load_->run(120);
    load_->close();
    if (opened.ok()) opened = load_->open();
    if (opened.ok()) load_->run(10);
    if (opened.ok()) opened = load_->verify();
    load_->close();
    if (!opened.ok()) std::printf("FAILED to prepare: %s\n", opened.error().message.c_str());
    if (plant_ == Plant::kNoWatermark) blind(load_->disk());
    whole_ = load_->disk().copy(1);
    by_kind_.clear();
    for (const auto& path : whole_->files())
      if (!whole_->content(path).empty()) by_kind_[kind_of(path)].push_back(path);
    return opened.ok();
  }

  std::string damage(SimDisk& disk) {
    auto kind = by_kind_.begin();
    std::advance(kind, engine_() % by_kind_.size());
    const auto& path = kind->second[engine_() % kind->second.size()];
    Bytes content = disk.content(path);
    // Every other time near the end: there damage looks like a torn tail.
    size_t span = engine_() % 2 ? content.size() : std::min<size_t>(content.size(), 2000);
    size_t at = content.size() - 1 - engine_() % span;
    content[at] = static_cast<char>(content[at] ^ (1 << engine_() % 8));
    disk.set_content(path, content);
    return path + " byte " + std::to_string(at);
  }

  bool trial(uint64_t number) {
    load_->use(whole_->copy(engine_()));
    std::string where = damage(load_->disk());
    auto& outcome = outcomes_[kind_of(where.substr(0, where.find(' ')))];
    Files before = files_of(load_->disk());
    auto opened = load_->open();
    if (!opened.ok()) {
      load_->close();
      outcome.refused++;
      if (files_of(load_->disk()) == before) return true;
      return report(number, where, "it was refused, and yet changed");
    }
    auto state = load_->verify();
    load_->close();
    if (state.ok()) {
      outcome.harmless++;
      return true;
    }
    if (state.error().code == Code::kCorrupt || state.error().code == Code::kIo) {
      outcome.told++;
      return true;
    }
    outcome.silent++;
    return report(number, where, state.error().message);
  }

  bool report(uint64_t number, const std::string& where, const std::string& what) {
    std::printf("FAILED at %llu, %s: %s\n  again: storage_flip --trials %llu --seed %llu%s\n",
                static_cast<unsigned long long>(number), where.c_str(), what.c_str(),
                static_cast<unsigned long long>(number), static_cast<unsigned long long>(seed_),
                plant_ == Plant::kNoWatermark ? " --plant no-watermark" : "");
    return false;
  }

  const uint64_t trials_;
  const uint64_t seed_;
  const Plant plant_;
  std::mt19937_64 engine_;
  std::unique_ptr<Workload> load_;
  std::unique_ptr<SimDisk> whole_;
  std::map<std::string, std::vector<std::string>> by_kind_;
  std::map<std::string, Outcome> outcomes_;
};

int usage() {
  std::fprintf(stderr, "usage: storage_flip [--trials N] [--seed S] [--plant no-watermark]\n");
  return 2;
}

int run(int argc, char** argv) {
  uint64_t trials = 150, seed = 1;
  Plant plant = Plant::kNone;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i], value = argv[i + 1];
    if (name == "--trials") {
      trials = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--seed") {
      seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--plant" && (value == "no-watermark" || value == "none")) {
      plant = value == "none" ? Plant::kNone : Plant::kNoWatermark;
    } else {
      return usage();
    }
  }
  if (argc % 2 == 0 || trials == 0) return usage();
  set_log_level(LogLevel::kError);
  return Campaign(trials, seed, plant).run();
}

}  // namespace
}  // namespace dl::storage::crash

int main(int argc, char** argv) { return dl::storage::crash::run(argc, argv); }
