#pragma once

#include "api/admin/call.h"

// Answers that more than one noun shows.
namespace dl::api::admin {

Json sync_json(const Clock& clock, const SyncStatus& status);
Json bucket_json(const Bucket& bucket);
Json device_json(const Clock& clock, const format::DeviceRow& row);
Json job_json(const Clock& clock, const JobInfo& job);
Json image_json(const ImageInfo& image);
Json conflict_json(const Conflict& conflict);

}  // namespace dl::api::admin
