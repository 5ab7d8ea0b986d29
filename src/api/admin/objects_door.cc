#include "api/admin/objects_door.h"

#include "base/task.h"

namespace dl::api::admin {
namespace {

Error no_permit() { return error(Code::kInternal, "an admission without a permit reached the objects"); }

std::string versioning_name(journal::Versioning v) {
  switch (v) {
    case journal::Versioning::kUnversioned:
      return "unversioned";
    case journal::Versioning::kEnabled:
      return "enabled";
    case journal::Versioning::kSuspended:
      return "suspended";
  }
  return "unversioned";
}

Bucket bucket_of(const objects::BucketInfo& b) {
  return {b.name, b.id, b.created, versioning_name(b.versioning), b.owner, b.home, b.ready};
}

// A row of objects' table of conflicts; `at` counts the current one as 0, then the heads.
Head head_of(const objects::Objects::ConflictRow& row, size_t at, const ObjectsDoor::NameOf& name_of) {
  const auto& v = at == 0 ? row.current : row.heads[at - 1];
  Head h;
  // Never "null": in a bucket without versioning all of them are, and one has to be named.
  h.version = v.version.hex();
  h.marker = v.marker;
  h.current = at == 0;
  h.size = v.size;
  h.etag = v.etag;
  h.written = v.last_modified;
  if (at < row.principals.size()) h.principal = row.principals[at];
  if (at < row.origins.size()) {
    h.origin = row.origins[at];
    h.device = name_of(h.origin);
  }
  return h;
}

}  // namespace

Task<std::vector<Bucket>> ObjectsDoor::list_buckets(Admission admission) {
  if (!admission.permit) co_return no_permit();
  DL_CO_TRY(auto found, objects_->list_buckets(*admission.permit));
  std::vector<Bucket> out;
  for (const auto& b : found) out.push_back(bucket_of(b));
  co_return out;
}

Task<Bucket> ObjectsDoor::create_bucket(Admission admission, std::string) {
  if (!admission.permit) co_return no_permit();
  DL_CO_TRY(auto bucket, co_await objects_->create_bucket(std::move(*admission.permit)));
  co_return bucket_of(bucket);
}

Task<void> ObjectsDoor::delete_bucket(Admission admission, std::string) {
  if (!admission.permit) co_return no_permit();
  co_return co_await objects_->delete_bucket(std::move(*admission.permit));
}

Task<void> ObjectsDoor::set_versioning(Admission admission, std::string, bool enabled) {
  if (!admission.permit) co_return no_permit();
  auto to = enabled ? journal::Versioning::kEnabled : journal::Versioning::kSuspended;
  co_return co_await objects_->set_versioning(std::move(*admission.permit), to);
}

Task<std::vector<Conflict>> ObjectsDoor::list_conflicts(Admission admission, std::string bucket, Bytes after,
                                                        size_t limit) {
  if (!admission.permit) co_return no_permit();
  DL_CO_TRY(auto found, co_await objects_->list_conflicts(std::move(*admission.permit), std::move(after), limit));
  std::vector<Conflict> out;
  for (const auto& row : found) {
    auto& c = out.emplace_back(Conflict{bucket, row.key, {}});
    for (size_t at = 0; at <= row.heads.size(); at++) c.versions.push_back(head_of(row, at, name_of_));
  }
  co_return out;
}

Task<Resolved> ObjectsDoor::resolve(Admission admission, std::string, Bytes, std::string keep) {
  if (!admission.permit) co_return no_permit();
  auto version = objects::parse_version(keep);
  if (!version || version->null)
    co_return error(Code::kInvalid, "'" + keep.substr(0, 64) + "' does not name one version",
                    "Give 32 hex digits; `demilune conflict show` lists them.");
  DL_CO_TRY(auto put, co_await objects_->resolve(std::move(*admission.permit), *version));
  co_return Resolved{objects::version_text(put.null, put.version), put.at_hub};
}

}  // namespace dl::api::admin
