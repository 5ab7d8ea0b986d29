#include "format/keys.h"
#include "journal/space.h"

namespace dl::journal {

Result<std::optional<format::BodyManifest>> find_manifest(const storage::View& view, const RecordHash& hash) {
  DL_TRY(auto row, view.get(format::manifest_key(hash)));
  if (!row) return std::optional<format::BodyManifest>();
  DL_TRY(auto manifest, format::decode_manifest(*row));
  return std::optional(std::move(manifest));
}

}  // namespace dl::journal
