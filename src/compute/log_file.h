#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/file_system.h"

namespace dl::compute {

struct LogLine {
  std::string time;  // RFC 3339 with nanoseconds, as the supervisor wrote it
  enum class Stream { kOut, kErr } stream = Stream::kOut;
  Bytes text;  // without the line's end; a last line without one is a line too
  bool operator==(const LogLine&) const = default;
};

// The CRI log format ("TIME STREAM F|P TEXT" a line, P: the line goes on in the next of its stream). Accepts any bytes;
// what is no such line is left out.
std::vector<LogLine> parse_log(BytesView text);

// The last lines of a log, at most max_bytes of the file. Empty when there is no log yet.
Result<std::vector<LogLine>> read_log(storage::FileSystem& fs, const std::string& path, size_t max_bytes);

// What the program printed, both streams in order.
Bytes log_text(const std::vector<LogLine>& lines);

}  // namespace dl::compute
