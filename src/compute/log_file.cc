#include "compute/log_file.h"

#include <algorithm>
#include <optional>

namespace dl::compute {
namespace {

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
  while (!text.empty()) {
    size_t cut = std::min(text.find('\n'), text.size());
    auto raw = split_line(text.substr(0, cut));
    text.remove_prefix(std::min(cut + 1, text.size()));
    if (!raw) continue;
    out.push_back({std::string(raw->time), raw->stream == "stderr" ? LogLine::Stream::kErr : LogLine::Stream::kOut,
                   Bytes(raw->text), raw->tag == "F"});
  }
  return out;
}

Result<LogPiece> read_log(storage::FileSystem& fs, const std::string& path, uint64_t offset, size_t max_bytes) {
  LogPiece out;
  out.next = offset;
  auto file = fs.open_read(path);
  if (!file.ok()) {
    if (file.error().code == Code::kNotFound) return out;
    return std::move(file).error();
  }
  DL_TRY(uint64_t size, (*file)->size());
  // A supervisor that reached its limit begins the file anew: then no line ends just before our place.
  char before = '\n';
  if (offset > 0 && offset <= size) {
    DL_TRY([[maybe_unused]] size_t one, (*file)->read_at(offset - 1, &before, 1));
  }
  if (offset > size || before != '\n') {
    out.skipped = true;
    out.next = 0;
  }
  Bytes text(static_cast<size_t>(std::min<uint64_t>(size - out.next, max_bytes)), '\0');
  DL_TRY(size_t n, (*file)->read_at(out.next, text.data(), text.size()));
  text.resize(n);
  size_t lines = text.rfind('\n') + 1;
  // A line that fills the whole piece is none of ours: it is passed over, so that the reader comes on.
  if (lines == 0 && n == max_bytes) lines = n;
  out.at_end = out.next + n >= size;
  out.next += lines;
  out.lines = parse_log(BytesView(text).substr(0, lines));
  return out;
}

Bytes log_text(const std::vector<LogLine>& lines) {
  Bytes out;
  for (const auto& line : lines) {
    out += line.text;
    if (line.whole) out += '\n';
  }
  return out;
}

}  // namespace dl::compute
