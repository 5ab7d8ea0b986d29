#include "base/hex.h"
#include "base/task.h"
#include "objects/conditions.h"
#include "objects/engine.h"
#include "objects/intake.h"
#include "objects/run.h"
#include "objects/wait_hub.h"
#include "objects/write.h"

namespace dl::objects {

Task<PutResult> Objects::put(gate::Permit permit, PutRequest request, BodySource* body) {
  DL_CO_OK(check_permit(permit, {"s3:PutObject"}));
  DL_CO_OK(check_key(permit.key()));
  if (request.size > limits::kMaxObjectBytes)
    co_return refuse(Code::kTooLarge, Reason::kEntityTooLarge, "an object has at most 5 TiB");
  DL_CO_TRY(Place place, find_place(deps_, permit));
  // A condition that fails now would fail later too: ask before the body is taken.
  if (!request.conditions.empty()) DL_CO_OK(co_await check_early(&deps_, place, permit.key(), request.conditions));
  DL_CO_TRY(Received received, co_await receive(&deps_, place.at.blobs, request.size, request.checksum, body));

  journal::Draft draft;
  draft.object.size = received.size;
  draft.object.body_hash = received.sha256;
  draft.object.etag = to_hex(received.md5);
  if (received.checksum) draft.object.checksums.push_back(*received.checksum);
  set_meta(draft, request.meta);
  draft.fresh = std::move(received.body);
  const BucketId meant = place.bucket.id;
  const std::string bucket = permit.bucket();
  const Bytes key = permit.key();

  Write<PutResult> write;
  write.permits.push_back(std::move(permit));
  write.work = [this, meant, draft = std::move(draft), conditions = std::move(request.conditions),
                parents = std::move(request.parents)](storage::Batch& batch, const Place& at,
                                                      const gate::Permit& by) -> Result<PutResult> {
    DL_OK(check_same_bucket(at, meant));
    journal::Draft mine = draft;
    DL_OK(check_in_step(batch, at, by.key(), conditions, mine));
    DL_OK(set_parents(batch, at, by.key(), parents, mine));
    return append_object(deps_, batch, at, by, std::move(mine));
  };
  DL_CO_TRY(PutResult out, co_await run_write(&deps_, std::move(write)));
  if (request.wait_hub && !out.at_hub) DL_CO_OK(co_await wait_for_hub(&deps_, bucket, key, &out));
  co_return std::move(out);
}

}  // namespace dl::objects
