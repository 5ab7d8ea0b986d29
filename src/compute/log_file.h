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
  Bytes text;         // without the line's end
  bool whole = true;  // false: the program's line goes on in the next of its stream, or ended without a line end
  bool operator==(const LogLine&) const = default;
};

// The CRI log format ("TIME STREAM F|P TEXT" a line, P: no line end behind it). Accepts any bytes; what is no such line
// is left out.
std::vector<LogLine> parse_log(BytesView text);

// A piece of a log that still grows.
struct LogPiece {
  std::vector<LogLine> lines;
  uint64_t next = 0;     // where the next piece begins
  bool at_end = true;    // nothing more is in the file now
  bool skipped = false;  // the file was begun anew behind the reader's back: it starts at its beginning again
};

// Whole lines from byte `offset` (0, or a `next`) on, at most max_bytes of the file, of which a line takes less than
// all. Empty when there is no log. Errors: the file system's.
Result<LogPiece> read_log(storage::FileSystem& fs, const std::string& path, uint64_t offset, size_t max_bytes);

// What the program printed, byte for byte, both streams in order.
Bytes log_text(const std::vector<LogLine>& lines);

}  // namespace dl::compute
