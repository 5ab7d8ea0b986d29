#include "base/hex.h"
#include "cli/command.h"

namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

constexpr Millis kPollEvery{500};

void show_job(Session& s, const Json& job) {
  s.out.item(job, {{"Id", "id"},
                   {"Name", "name"},
                   {"Kind", "kind"},
                   {"Image", "image"},
                   {"Node", "node"},
                   {"As", "principal"},
                   {"Phase", "phase"},
                   {"Exit code", "exit_code"},
                   {"Reason", "reason"},
                   {"Message", "message"},
                   {"Restarts", "restarts"},
                   {"Submitted", "submitted"},
                   {"Started", "started"},
                   {"Finished", "finished"},
                   {"Told as of", "age_seconds", As::kAge},
                   {"Notes", "notes"}});
}

Result<void> set_number(Json& body, const Args& args, std::string_view option, const char* field, uint64_t scale) {
  if (!args.has(option)) return {};
  DL_TRY(auto n, parse_size(args.text(option)));
  body.set(field, n * scale);
  return {};
}

// "1.5" cores are 1500 thousandths.
Result<uint64_t> parse_cpu(const std::string& text) {
  size_t dot = text.find('.');
  std::string fraction = dot == std::string::npos ? "" : text.substr(dot + 1);
  bool good = !text.empty() && text.size() <= 8 && fraction.size() <= 3 && dot != 0;
  for (size_t i = 0; i < text.size(); i++) good = good && (i == dot || (text[i] >= '0' && text[i] <= '9'));
  if (!good) return error(Code::kInvalid, "'" + safe_text(text) + "' is no number of cores", "Write 0.5 or 2.");
  fraction.resize(3, '0');
  return std::stoull(text.substr(0, dot)) * 1000 + std::stoull(fraction);
}

Result<Json> body_of(const Args& args) {
  Json body = Json::object();
  body.set("image", args.text("IMAGE"));
  for (auto [option, field] : {std::pair("--name", "name"),
                               {"--on", "on"},
                               {"--restart", "restart"},
                               {"--in", "input"},
                               {"--out", "output"},
                               {"--workdir", "working_dir"},
                               {"--user", "user"}})
    if (args.has(option)) body.set(field, args.text(option));
  for (auto [option, field] : {std::pair("CMD", "args"), {"--env", "env"}}) {
    Json list = Json::array();
    for (const auto& word : args.list(option)) list.push(word);
    if (!list.items().empty()) body.set(field, std::move(list));
  }
  DL_OK(set_number(body, args, "--memory", "memory_bytes", 1));
  DL_OK(set_number(body, args, "--pids", "pids", 1));
  if (args.has("--cpus")) {
    DL_TRY(auto millis, parse_cpu(args.text("--cpus")));
    body.set("cpu_millis", millis);
  }
  if (args.has("--timeout")) {
    DL_TRY(auto timeout, parse_duration(args.text("--timeout")));
    body.set("timeout_seconds", (timeout.count() + 999) / 1000);
  }
  if (args.has("--host-network")) body.set("host_network", true);
  return body;
}

// Shows output as it comes, until the job has ended and all of it was seen.
Result<void> follow(Session& s, const std::string& path, bool until_end) {
  uint64_t offset = 0;
  for (;;) {
    DL_TRY(auto chunk, s.get(path + "/logs?offset=" + std::to_string(offset)));
    DL_TRY(auto data, from_base64(chunk.text("data_base64")));
    if (chunk.text("gap") == "true") s.out.note("Some of the output before this is kept no longer.");
    s.out.raw(data);
    bool more = chunk.number("next_offset") != static_cast<int64_t>(offset);
    offset = static_cast<uint64_t>(chunk.number("next_offset"));
    if (more) continue;
    if (!until_end || chunk.text("end") == "true") return {};
    s.wait(kPollEvery);
  }
}

// The exit status of a command that waited: the job's success is its own.
Result<int> wait_for(Session& s, const std::string& path, Millis patience) {
  for (Millis waited(0);; waited += kPollEvery) {
    DL_TRY(auto job, s.get(path));
    if (job.text("ended") == "true") {
      show_job(s, job);
      return job.text("phase") == "Succeeded" ? 0 : 1;
    }
    if (patience > Millis(0) && waited >= patience)
      return error(Code::kTimeout, "the job is " + job.text("phase") + " and the time of --wait-timeout has passed",
                   "It goes on; `demilune job show " + job.text("id") + "` tells how.");
    s.wait(kPollEvery);
  }
}

Result<int> run(Session& s, const Args& args) {
  DL_TRY(auto body, body_of(args));
  DL_TRY(auto patience, parse_duration(args.text("--wait-timeout", "0s")));
  DL_TRY(auto job, s.send("POST", "/api/v1/jobs", std::move(body)));
  if (args.has("--wait")) return wait_for(s, "/api/v1/jobs/" + escape(job.text("id")), patience);
  show_job(s, job);
  if (args.has("--on")) s.out.note("Queued for " + args.text("--on") + "; it runs when the device hears of it.");
  return 0;
}

std::string job_path(const Args& args) { return "/api/v1/jobs/" + escape(args.text("JOB")); }

Result<int> list(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/jobs"));
  s.out.rows(answer, "jobs",
             {{"ID", "id"},
              {"NAME", "name"},
              {"KIND", "kind"},
              {"IMAGE", "image"},
              {"NODE", "node"},
              {"PHASE", "phase"},
              {"EXIT", "exit_code"},
              {"RESTARTS", "restarts"},
              {"AS OF", "age_seconds", As::kAge}});
  return 0;
}

Result<int> show(Session& s, const Args& args) {
  DL_TRY(auto answer, s.get(job_path(args)));
  show_job(s, answer);
  return 0;
}

Result<int> logs(Session& s, const Args& args) {
  DL_OK(follow(s, job_path(args), args.has("--follow")));
  return 0;
}

Result<int> wait(Session& s, const Args& args) {
  DL_TRY(auto patience, parse_duration(args.text("--timeout", "0s")));
  return wait_for(s, job_path(args), patience);
}

Result<int> cancel(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("POST", job_path(args) + "/cancel"));
  show_job(s, answer);
  return 0;
}

Result<int> remove(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("DELETE", job_path(args)));
  (void)answer;
  s.out.note("Job " + args.text("JOB") + " is removed.");
  return 0;
}

}  // namespace

std::vector<Command> job_commands() {
  const Positional job{"JOB", "Id, the beginning of one, or a name"};
  return {
      {"run",
       "Start a job, or with --restart always a service",
       "It runs as whoever asks. What stands behind -- replaces the image's command.",
       "demilune run busybox --in s3://mission/data/ --out s3://mission/reports/ --wait -- sh -c 'wc -l /in/* > "
       "/out/lines'",
       {{"IMAGE", "Name or digest in the node's store"},
        {"CMD", "Behind --: the words to run", Positional::Count::kMany}},
       {{"--name", Take::kValue, "NAME", "A name; services need one"},
        {"--in", Take::kValue, "s3://B/P", "Objects to find in /in"},
        {"--out", Take::kValue, "s3://B/P", "Where what is left in /out goes"},
        {"--on", Take::kValue, "DEVICE", "At the hub: on this device, when it hears of it"},
        {"--restart", Take::kValue, "WHEN", "never, on-failure or always"},
        {"--env", Take::kList, "NAME=VALUE", "Environment, may be repeated; not for secrets"},
        {"--memory", Take::kValue, "SIZE", "Limit, as 512M"},
        {"--cpus", Take::kValue, "N", "Limit, as 0.5"},
        {"--pids", Take::kValue, "N", "Limit of processes"},
        {"--timeout", Take::kValue, "TIME", "Ended after this time"},
        {"--host-network", Take::kFlag, "", "Use the node's network (default: none)"},
        {"--workdir", Take::kValue, "DIR", "Working directory inside"},
        {"--user", Take::kValue, "UID[:GID]", "User inside"},
        {"--wait", Take::kFlag, "", "Wait for the end; status 0 only when it succeeded"},
        {"--wait-timeout", Take::kValue, "TIME", "Then end with status 8; the job goes on"}},
       run},
      {"job list", "List jobs and services", "", "demilune job list", {}, {}, list},
      {"job show", "Show one", "", "demilune job show 3f2a", {job}, {}, show},
      {"job logs",
       "What it printed",
       "",
       "demilune job logs --follow 3f2a",
       {job},
       {{"--follow", Take::kFlag, "", "Until it ends"}},
       logs},
      {"job wait",
       "Wait for its end",
       "",
       "demilune job wait 3f2a --timeout 5m",
       {job},
       {{"--timeout", Take::kValue, "TIME", "Then end with status 8"}},
       wait},
      {"job cancel", "Stop it", "", "demilune job cancel 3f2a", {job}, {}, cancel},
      {"job rm", "Remove one that has ended", "", "demilune job rm 3f2a", {job}, {}, remove},
  };
}

}  // namespace dl::cli
