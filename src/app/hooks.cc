#include "app/hooks.h"

#include "app/demo.h"
#include "app/local_files.h"
#include "app/serve.h"
#include "compute/doctor.h"
#include "node/check.h"
#include "node/enroll.h"
#include "node/sizing.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

constexpr char kVersion[] = "0.1.0";

Result<cli::Enrolled> enroll(const cli::EnrollOptions& options) {
  DL_TRY(auto identity, node::enroll_device(options.code, options.data_dir));
  return cli::Enrolled{identity.name, identity.hub_name};
}

std::vector<cli::LocalFinding> local_doctor(const std::string&) {
  std::vector<cli::LocalFinding> out;
  for (const auto& check : compute::check_compute(storage::posix_file_system()))
    out.push_back({check.ok ? "ok" : check.needed ? "error" : "warning", check.name, check.finding, check.next});
  return out;
}

Result<cli::CheckSummary> check(const std::string& dir, const std::function<void(const cli::CheckFinding&)>& found) {
  DL_TRY(auto s, node::check_data_dir(storage::posix_file_system(), dir, system_clock(), system_random(),
                                      [&](const node::CheckFinding& f) {
                                        found({f.partition, f.place, f.bucket, f.key, f.version, f.what});
                                      }));
  return cli::CheckSummary{s.findings, s.objects,       s.bodies, s.files,
                           s.rows,     s.audit_records, s.bytes,  static_cast<uint64_t>(s.took.count())};
}

cli::Hooks make_hooks() {
  cli::Hooks h;
  h.version = kVersion;
  h.run_node = [](const cli::UpOptions& options) { return serve(options, kVersion); };
  h.enroll_device = enroll;
  h.run_demo = run_demo;
  h.local_doctor = local_doctor;
  h.check_config = [](const std::string& file) -> Result<format::Json> {
    cli::UpOptions options;
    options.config = file;
    DL_TRY(auto settings, load_settings(options));
    return node::config_json(settings);
  };
  h.check_data_dir = check;
  h.files = &local_files();
  return h;
}

}  // namespace

const cli::Hooks& hooks() {
  static const cli::Hooks all = make_hooks();
  return all;
}

}  // namespace dl::app
