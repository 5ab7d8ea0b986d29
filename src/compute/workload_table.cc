#include "compute/workload_table.h"

#include <fmt/format.h>

namespace dl::compute {
namespace {

Result<std::optional<format::WorkloadStatus>> status_of(const storage::View& view, const WorkloadId& id) {
  DL_TRY(auto row, view.get(format::workload_status_key(id)));
  if (!row) return std::optional<format::WorkloadStatus>();
  DL_TRY(auto status, format::decode_workload_status(*row));
  return std::optional(std::move(status));
}

}  // namespace

Result<std::vector<Workload>> PartitionWorkloadTable::list() {
  DL_TRY(auto view, partition_.snapshot());
  std::vector<Workload> out;
  DL_OK(view->scan(format::workload_specs_begin(), format::workload_specs_end(),
                   [&](BytesView, BytesView value) -> Result<storage::Scan> {
                     DL_TRY(auto spec, format::decode_workload_spec(value));
                     DL_TRY(auto status, status_of(*view, spec.id));
                     out.push_back({std::move(spec), std::move(status)});
                     return storage::Scan::kContinue;
                   }));
  return out;
}

Result<std::optional<Workload>> PartitionWorkloadTable::get(const WorkloadId& id) {
  DL_TRY(auto view, partition_.snapshot());
  DL_TRY(auto row, view->get(format::workload_spec_key(id)));
  if (!row) return std::optional<Workload>();
  DL_TRY(auto spec, format::decode_workload_spec(*row));
  DL_TRY(auto status, status_of(*view, id));
  return std::optional(Workload{std::move(spec), std::move(status)});
}

Result<void> PartitionWorkloadTable::put_spec(const audit::Author& by, const format::WorkloadSpec& spec) {
  Bytes row = format::encode_workload_spec(spec);
  DL_OK(partition_.commit_wait([&](storage::Batch& batch) -> Result<void> {
    batch.put(format::workload_spec_key(spec.id), row);
    return by.append_to(batch);
  }));
  by.written();
  return {};
}

// States may use the disk's reserve: a full disk must not hide that a container ended.
Result<void> PartitionWorkloadTable::put_status(const format::WorkloadStatus& status) {
  Bytes row = format::encode_workload_status(status);
  return partition_.commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        DL_TRY(auto spec, batch.get(format::workload_spec_key(status.id)));
        if (!spec) return error(Code::kNotFound, fmt::format("workload {} is gone", status.id.hex()));
        batch.put(format::workload_status_key(status.id), row);
        return {};
      },
      storage::Purpose::kFree);
}

Result<void> PartitionWorkloadTable::erase(const WorkloadId& id) {
  return partition_.commit_wait(
      [&](storage::Batch& batch) -> Result<void> {
        batch.erase(format::workload_spec_key(id));
        batch.erase(format::workload_status_key(id));
        return {};
      },
      storage::Purpose::kFree);
}

}  // namespace dl::compute
