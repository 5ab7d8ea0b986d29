#include "api/admin/call.h"
#include "api/admin/render.h"
#include "base/hex.h"

// Jobs and services. Whoever submits one is the principal it runs as.
namespace dl::api::admin {

Json job_json(const Clock& clock, const JobInfo& job) {
  Json notes = Json::array();
  for (const auto& n : job.notes) notes.push(n);
  Json j = Json::object();
  j.set("id", job.id.hex()).set("name", job.name).set("kind", job.kind).set("image", job.image);
  j.set("node", job.node).set("principal", job.principal).set("phase", job.phase).set("reason", job.reason);
  j.set("message", job.message).set("exit_code", job.exit_code ? Json(*job.exit_code) : Json());
  j.set("restarts", job.restarts).set("ended", job.terminal).set("submitted", time_or_null(job.submitted));
  j.set("started", time_or_null(job.started)).set("finished", time_or_null(job.finished));
  j.set("as_of", time_or_null(job.as_of)).set("age_seconds", age_or_null(clock, job.as_of));
  return j.set("notes", std::move(notes));
}

namespace {

Result<Workloads*> workloads_of(const Call& call) {
  if (!call.node().workloads)
    return error(Code::kUnsupported, "this node runs no workloads", "`demilune doctor` says what is missing.");
  return call.node().workloads;
}

Result<void> check_prefix(const std::string& name, const std::string& uri) {
  if (uri.empty()) return {};
  std::string_view rest = uri;
  if (rest.starts_with("s3://") && control::valid_bucket_name(rest.substr(5, rest.find('/', 5) - 5))) return {};
  return error(Code::kInvalid, "field '" + name + "' is no s3://BUCKET/PREFIX: '" + uri + "'");
}

Result<JobLimits> limits_of(const Call& call) {
  JobLimits l;
  DL_TRY(l.memory_bytes, call.number_or("memory_bytes", 0, 1ull << 50));
  DL_TRY(l.cpu_millis, call.number_or("cpu_millis", 0, 1'000'000));
  DL_TRY(l.pids, call.number_or("pids", 0, 1'000'000));
  return l;
}

Result<JobRequest> request_of(const Call& call) {
  JobRequest r;
  DL_TRY(r.image, call.text("image"));
  DL_TRY(r.name, call.text_or("name", ""));
  DL_TRY(r.on, call.text_or("on", ""));
  DL_TRY(r.restart, call.text_or("restart", "never"));
  if (r.restart != "never" && r.restart != "on-failure" && r.restart != "always")
    return error(Code::kInvalid, "field 'restart' is \"never\", \"on-failure\" or \"always\"");
  r.service = r.restart == "always";
  if (r.service && r.name.empty()) return error(Code::kInvalid, "a service needs a name", "Give --name N.");
  DL_TRY(r.args, call.texts("args", limits::kMaxCommandWords));
  DL_TRY(r.env, call.texts("env", limits::kMaxEnvironment));
  for (const auto& e : r.env)
    if (e.find('=') == std::string::npos || e[0] == '=')
      return error(Code::kInvalid, "field 'env' is a list of NAME=value");
  DL_TRY(r.input, call.text_or("input", ""));
  DL_TRY(r.output, call.text_or("output", ""));
  DL_OK(check_prefix("input", r.input));
  DL_OK(check_prefix("output", r.output));
  DL_TRY(r.limits, limits_of(call));
  DL_TRY(auto seconds, call.number_or("timeout_seconds", 0, limits::kMaxTimeout / std::chrono::seconds(1)));
  r.timeout = std::chrono::duration_cast<Millis>(std::chrono::seconds(seconds));
  DL_TRY(r.host_network, call.flag_or("host_network", false));
  DL_TRY(r.working_dir, call.text_or("working_dir", ""));
  DL_TRY(r.user, call.text_or("user", ""));
  return r;
}

Result<Json> run_job(Call& call) {
  DL_TRY(auto* workloads, workloads_of(call));
  DL_TRY(auto request, request_of(call));
  DL_TRY(auto job, workloads->run(call.by(), request));
  return job_json(*call.node().clock, job);
}

Result<Json> list_jobs(Call& call) {
  DL_TRY(auto* workloads, workloads_of(call));
  DL_TRY(auto jobs, workloads->list());
  Json list = Json::array();
  for (const auto& j : jobs) list.push(job_json(*call.node().clock, j));
  return Json::object().set("jobs", std::move(list));
}

Result<Json> get_job(Call& call) {
  DL_TRY(auto* workloads, workloads_of(call));
  DL_TRY(auto job, workloads->find(call.argument("job")));
  return job_json(*call.node().clock, job);
}

Result<Json> get_logs(Call& call) {
  DL_TRY(auto* workloads, workloads_of(call));
  DL_TRY(auto offset, call.query_number("offset", 0, INT64_MAX));
  DL_TRY(auto chunk, workloads->logs(call.argument("job"), offset, limits::kMaxLogBytes));
  return Json::object()
      .set("data_base64", to_base64(chunk.data))
      .set("next_offset", chunk.next_offset)
      .set("end", chunk.end)
      .set("gap", chunk.gap);
}

Result<Json> cancel_job(Call& call) {
  DL_TRY(auto* workloads, workloads_of(call));
  DL_OK(workloads->cancel(call.by(), call.argument("job")));
  DL_TRY(auto job, workloads->find(call.argument("job")));
  return job_json(*call.node().clock, job);
}

Result<Json> remove_job(Call& call) {
  DL_TRY(auto* workloads, workloads_of(call));
  DL_OK(workloads->remove(call.by(), call.argument("job")));
  return done_json();
}

}  // namespace

std::vector<Route> job_routes() {
  return {
      {"GET", "/api/v1/jobs", "demilune:ListJobs", "job/*", list_jobs},
      {"POST",
       "/api/v1/jobs",
       "demilune:RunJob",
       "job/{name}",
       run_job,
       nullptr,
       {"image", "name", "on", "restart", "args", "env", "input", "output", "memory_bytes", "cpu_millis", "pids",
        "timeout_seconds", "host_network", "working_dir", "user"}},
      {"GET", "/api/v1/jobs/{job}", "demilune:GetJob", "job/{job}", get_job},
      {"GET", "/api/v1/jobs/{job}/logs", "demilune:GetJobLogs", "job/{job}", get_logs, nullptr, {}, {"offset"}},
      {"POST", "/api/v1/jobs/{job}/cancel", "demilune:CancelJob", "job/{job}", cancel_job},
      {"DELETE", "/api/v1/jobs/{job}", "demilune:DeleteJob", "job/{job}", remove_job},
  };
}

}  // namespace dl::api::admin
