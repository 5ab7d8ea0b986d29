#pragma once

// Inside the room: the source side of CopyObject and UploadPartCopy.
#include "base/task_fwd.h"
#include "objects/engine.h"

namespace dl::objects {

struct CopySource {
  Place place;
  ObjectInfo info;
  std::vector<storage::BlobPiece> pieces;
  std::optional<format::BodyManifest> manifest;  // of a multipart body
};

// Finds the source, checks its conditions and waits for its body. Errors: kNotFound, kPrecondition, kUnavailable.
Task<CopySource> find_source(const Deps* deps, gate::Permit permit, CopyRequest request);
// What to answer when the source's bytes could not be read. That they are gone is damage: whether the version is still
// there, the step looks again.
Error unread_source(const Deps& deps, const CopySource& source, const CopyRequest& request, Error why);
// Inside the step: the source's version is still there, so its blobs may be shared.
Result<void> check_source_in_step(const storage::View& view, const CopySource& source, BytesView key);
// Where a body of several parts keeps their sizes and hashes; nullopt for a single body.
Result<std::optional<format::BodyManifest>> manifest_of(const storage::View& view, const journal::Version& version);

}  // namespace dl::objects
