#include <fmt/format.h>

#include "cli/command.h"

// A stopped node's data directory, read and compared with its checksums.
namespace dl::cli {
namespace {

using format::Json;

constexpr int kFindings = 1, kCannotRun = 2;
constexpr size_t kMaxListed = 100'000;  // in JSON and YAML; all are counted

std::string object_text(const CheckFinding& f) {
  if (f.bucket.empty()) return {};
  std::string out = "s3://" + f.bucket + "/" + f.key;
  return f.version.empty() ? out : out + " version " + f.version;
}

std::string finding_line(const CheckFinding& f) {
  std::string out = "damaged: " + (f.place.empty() ? std::string("(the directory)") : f.place);
  if (auto object = object_text(f); !object.empty()) out += ": " + object;
  return safe_text(out + ": " + f.message);
}

Json finding_json(const CheckFinding& f) {
  auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(safe_text(text)); };
  Json j = Json::object();
  j.set("partition", or_null(f.partition)).set("place", or_null(f.place)).set("bucket", or_null(f.bucket));
  j.set("key", or_null(f.key)).set("version", or_null(f.version)).set("message", safe_text(f.message));
  return j;
}

Json summary_json(const CheckSummary& s) {
  Json j = Json::object();
  j.set("findings", s.findings).set("objects", s.objects).set("bodies", s.bodies).set("files", s.files);
  j.set("rows", s.rows).set("audit_records", s.audit_records).set("bytes", s.bytes).set("millis", s.millis);
  return j;
}

std::string summary_line(const CheckSummary& s) {
  return fmt::format(
      "{}: {} versions, {} bodies, {} database files, {} rows, {} audit records; {} compared with checksums in {}.{} s",
      s.findings == 0 ? "clean" : fmt::format("{} findings", s.findings), s.objects, s.bodies, s.files, s.rows,
      s.audit_records, bytes_text(s.bytes), s.millis / 1000, s.millis % 1000 / 100);
}

Result<int> check(Session& s, const Args& args) {
  const bool streams = s.out.shape() == Shape::kTable;
  Json list = Json::array();
  size_t listed = 0;
  auto done = s.hooks->check_data_dir(args.text("DIR", s.global.data_dir), [&](const CheckFinding& f) {
    if (streams)
      s.out.line(finding_line(f));
    else if (listed++ < kMaxListed)
      list.push(finding_json(f));
  });
  if (!done.ok()) {
    s.out.error(done.error());
    return kCannotRun;
  }
  Json answer = Json::object().set("clean", done->findings == 0);
  answer.set("findings", std::move(list)).set("summary", summary_json(*done));
  if (streams) s.out.line(summary_line(*done));
  if (!streams) s.out.rows(answer, "findings", {{"PLACE", "place"}});
  if (done->findings == 0) return 0;
  s.out.note(
      "Nothing was changed. A device: enrol a new directory, the hub has what it committed. A hub: bring back a copy "
      "of "
      "the directory from before the damage, or read what is whole from it and write it to a new one.");
  return kFindings;
}

}  // namespace

std::vector<Command> check_commands() {
  return {
      {"check",
       "Verify a stopped node's data, and change nothing",
       "Reads everything: FORMAT, keys, watermarks, databases, every body, rows and their references, the audit logs.\n"
       "A line a finding, with bucket, key and version where these are known; then a summary. Exit status: 0 clean,\n"
       "1 findings, 2 it cannot be run. A running node is refused.",
       "demilune check /srv/demilune",
       {{"DIR", "The data directory (--data-dir)", Positional::Count::kOptional}},
       {},
       check},
  };
}

}  // namespace dl::cli
