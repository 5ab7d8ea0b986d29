#include "compute/log_file.h"

#include <algorithm>
#include <map>
#include <optional>

namespace dl::compute {
namespace {

constexpr size_t kMaxJoinedBytes = 1u << 20;  // of one line

struct RawLine {
  std::string_view time, stream, tag, text;
};

std::optional<RawLine> split_line(std::string_view line) {
  RawLine out;
  for (std::string_view* field : {&out.time, &out.stream, &out.tag}) {
    size_t cut = line.find(' ');
    if (cut == std::string_view::npos || cut == 0) return std::nullopt;
    *field = line.substr(0, cut);
    line.remove_prefix(cut + 1);
  }
  out.text = line;
  if ((out.stream != "stdout" && out.stream != "stderr") || (out.tag != "F" && out.tag != "P")) return std::nullopt;
  return out;
}

}  // namespace

std::vector<LogLine> parse_log(BytesView text) {
  std::vector<LogLine> out;
  std::map<std::string_view, LogLine> open;
  while (!text.empty()) {
    size_t cut = std::min(text.find('\n'), text.size());
    auto raw = split_line(text.substr(0, cut));
    text.remove_prefix(std::min(cut + 1, text.size()));
    if (!raw) continue;
    LogLine& line = open[raw->stream];
    if (line.time.empty()) line.time = raw->time;
    line.stream = raw->stream == "stderr" ? LogLine::Stream::kErr : LogLine::Stream::kOut;
    line.text += raw->text;
    if (raw->tag == "P" && line.text.size() < kMaxJoinedBytes) continue;
    out.push_back(std::move(line));
    open.erase(raw->stream);
  }
  for (auto& [stream, line] : open) out.push_back(std::move(line));
  return out;
}

Result<std::vector<LogLine>> read_log(storage::FileSystem& fs, const std::string& path, size_t max_bytes) {
  auto file = fs.open_read(path);
  if (!file.ok()) {
    if (file.error().code == Code::kNotFound) return std::vector<LogLine>();
    return std::move(file).error();
  }
  DL_TRY(uint64_t size, (*file)->size());
  uint64_t from = size > max_bytes ? size - max_bytes : 0;
  Bytes text(static_cast<size_t>(size - from), '\0');
  DL_TRY(size_t n, (*file)->read_at(from, text.data(), text.size()));
  text.resize(n);
  BytesView lines = text;
  if (from > 0) lines.remove_prefix(std::min(lines.find('\n') + 1, lines.size()));
  return parse_log(lines);
}

Bytes log_text(const std::vector<LogLine>& lines) {
  Bytes out;
  for (const auto& line : lines) {
    out += line.text;
    out += '\n';
  }
  return out;
}

}  // namespace dl::compute
