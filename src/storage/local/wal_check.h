#pragma once

#include <optional>
#include <string>

#include "storage/file_system.h"

namespace dl::storage {

// Reads a log file of the engine record by record; what is damaged and at which byte of the file, or nothing. A file
// that ends within a record, or in zeros, is not damaged: so it ends after a power cut. Errors: kIo.
Result<std::optional<std::string>> find_log_damage(FileSystem& fs, const std::string& path, BytesView key);

}  // namespace dl::storage
