#include "compute/crun/host.h"

#include <algorithm>
#include <charconv>

#include "compute/process.h"

namespace dl::compute {
namespace {

constexpr int kCapSysResource = 24;

// The text behind `name` on its line, without the blanks around it.
std::string_view find_line(std::string_view text, std::string_view name) {
  size_t at = text.starts_with(name) ? 0 : text.find("\n" + std::string(name));
  if (at == std::string_view::npos) return {};
  if (text[at] == '\n') ++at;
  std::string_view line = text.substr(at + name.size());
  line = line.substr(0, line.find('\n'));
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t' || line.front() == ':')) line.remove_prefix(1);
  return line;
}

uint64_t number_at(std::string_view text, int base, uint64_t otherwise) {
  uint64_t value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return failed == std::errc() ? value : otherwise;
}

// "Max open files            1024                 20000                files": the second number.
uint64_t hard_limit(std::string_view limits, std::string_view name) {
  std::string_view line = find_line(limits, name);
  size_t gap = line.find(' ');
  if (gap == std::string_view::npos) return 0;
  line = line.substr(gap);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line.starts_with("unlimited") ? UINT64_MAX : number_at(line, 10, 0);
}

}  // namespace

bool HostFacts::may_raise_limits() const { return (capabilities >> kCapSysResource & 1) != 0; }

Result<HostFacts> read_host_facts(storage::FileSystem& fs, const std::string& root) {
  HostFacts facts;
  DL_TRY(facts.cgroups, read_cgroups(fs, root));
  DL_TRY(auto status, read_pseudo_file(fs, root + "/proc/self/status"));
  facts.capabilities = number_at(find_line(status, "CapPrm"), 16, 0) & number_at(find_line(status, "CapBnd"), 16, 0);
  DL_TRY(auto limits, read_pseudo_file(fs, root + "/proc/self/limits"));
  facts.open_files = hard_limit(limits, "Max open files");
  DL_TRY(auto score, read_pseudo_file(fs, root + "/proc/self/oom_score_adj"));
  bool negative = score.starts_with("-");
  int points = static_cast<int>(number_at(std::string_view(score).substr(negative ? 1 : 0), 10, 0));
  facts.oom_score = negative ? -points : points;
  DL_TRY(auto kinds, read_pseudo_file(fs, root + "/proc/filesystems"));
  facts.overlay = kinds.find("\toverlay\n") != Bytes::npos;
  DL_TRY(facts.boot_id, read_pseudo_file(fs, root + "/proc/sys/kernel/random/boot_id"));
  while (facts.boot_id.ends_with('\n')) facts.boot_id.pop_back();
  return facts;
}

}  // namespace dl::compute
