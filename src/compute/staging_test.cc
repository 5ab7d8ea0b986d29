#include <algorithm>
#include <atomic>
#include <vector>

#include <fmt/format.h>

#include "compute/staging.h"

#include <unistd.h>

#include <doctest/doctest.h>

#include "compute/launch.h"
#include "compute/log_file.h"
#include "compute/process.h"
#include "compute/request.h"
#include "compute/testing/objects.h"
#include "registry/testing/bed.h"

using namespace dl;
using namespace dl::compute;

namespace {

struct StageBed {
  registry::testing::TempDir dir;
  storage::FileSystem& fs = storage::posix_file_system();
  testing::MapObjects objects{fs};
  std::atomic<bool> stop{false};

  Result<void> stage(const std::string& prefix, const std::string& principal = "user/alice") {
    return stage_input(fs, objects, principal, {"b", prefix}, dir / "in", stop);
  }
  std::string read(const std::string& path) {
    return storage::read_file(fs, dir / ("in/" + path), 1000).value_or("<absent>");
  }
};

}  // namespace

TEST_CASE("a prefix with or without a slash at its end is a folder, a whole key is one file") {
  StageBed bed;
  bed.objects.put("b/data/x", "1");
  bed.objects.put("b/data/d/y", "2");
  bed.objects.put("b/data/", "");
  bed.objects.put("b/database", "3");
  for (const char* prefix : {"data", "data/"}) {
    REQUIRE(bed.stage(prefix).ok());
    CHECK(bed.fs.list(bed.dir / "in").value() == std::vector<std::string>{"d", "x"});
    CHECK(bed.read("d/y") == "2");
  }
  REQUIRE(bed.stage("data/x").ok());
  CHECK(bed.fs.list(bed.dir / "in").value() == std::vector<std::string>{"x"});
  REQUIRE(bed.stage("").ok());
  CHECK(bed.read("database") == "3");
}

TEST_CASE("keys that are no paths below /in are refused, and nothing is written outside") {
  for (const char* key : {"p/../../evil", "p/..", "p/a//b", "p/./a", "p//etc/passwd"}) {
    StageBed bed;
    CAPTURE(key);
    bed.objects.put("b/" + std::string(key), "evil");
    auto staged = bed.stage("p/");
    REQUIRE_FALSE(staged.ok());
    CHECK(staged.error().code == Code::kInvalid);
    CHECK(bed.fs.list(bed.dir.path()).value() == std::vector<std::string>{"in"});
    CHECK(bed.fs.list(bed.dir / "in").value().empty());
  }
}

TEST_CASE("two keys that cannot both be files are an error, not a loss") {
  StageBed bed;
  bed.objects.put("b/p/a", "file");
  bed.objects.put("b/p/a/b", "below it");
  auto staged = bed.stage("p/");
  REQUIRE_FALSE(staged.ok());
  CHECK(staged.error().code == Code::kInvalid);
}

TEST_CASE("staging stops when it is told to, and what may not be read is not staged") {
  StageBed bed;
  bed.objects.put("b/p/a", "1");
  auto denied = bed.stage("p/", "user/mallory");
  REQUIRE_FALSE(denied.ok());
  CHECK(denied.error().code == Code::kDenied);
  bed.stop = true;
  auto stopped = bed.stage("p/");
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().code == Code::kCancelled);
}

TEST_CASE("links in /out are not followed, wherever they point") {
  StageBed bed;
  REQUIRE(storage::make_dirs(bed.fs, bed.dir / "out/real", 0755).ok());
  REQUIRE(storage::write_file_atomic(bed.fs, bed.dir / "out/real/f", "mine", 0644).ok());
  REQUIRE(storage::write_file_atomic(bed.fs, bed.dir / "secret", "secret", 0600).ok());
  auto root = registry::RootedDir::open(bed.dir / "out").value();
  REQUIRE(root.make_symlink("file", bed.dir / "secret", {}).ok());
  REQUIRE(root.make_symlink("dir", bed.dir.path(), {}).ok());
  REQUIRE(root.make_fifo("fifo", {.mode = 0644}).ok());
  auto collected = collect_output(bed.objects, "user/alice", {"b", "o/"}, bed.dir / "out", bed.stop);
  REQUIRE(collected.ok());
  CHECK(collected->objects == 1);
  CHECK(collected->bytes == 4);
  CHECK(bed.objects.names() == std::vector<std::string>{"b/o/real/f"});
}

TEST_CASE("log lines come back as they were printed, rubbish left out") {
  auto lines = parse_log(
      "2026-01-01T00:00:00.000000001+00:00 stdout P long \n"
      "not a log line\n"
      "2026-01-01T00:00:00.000000003+00:00 stdout F line\n"
      "2026-01-01T00:00:00.000000002+00:00 stderr F oops\n"
      "2026-01-01T00:00:00.000000004+00:00 stdout F \n"
      "2026-01-01T00:00:00.000000005+00:00 stdin F no\n"
      "2026-01-01T00:00:00.000000006+00:00 stdout P last");
  REQUIRE(lines.size() == 5);
  CHECK(lines[2].stream == LogLine::Stream::kErr);
  CHECK(log_text(lines) == "long line\noops\n\nlast");
  CHECK(lines[0].time == "2026-01-01T00:00:00.000000001+00:00");
}

TEST_CASE("a log that grows is read in pieces of whole lines, each line once") {
  StageBed bed;
  std::string path = bed.dir / "log", text;
  auto add = [&](int from, int to) {
    for (int i = from; i < to; ++i) text += fmt::format("2026-01-01T00:00:00Z stdout F line {}\n", i);
    REQUIRE(storage::write_file_atomic(bed.fs, path, text + "2026-01-01T00:00:00Z stdout F half", 0644).ok());
  };
  uint64_t at = 0;
  Bytes seen;
  auto read_on = [&] {
    for (;;) {
      auto piece = read_log(bed.fs, path, at, 1000);
      REQUIRE(piece.ok());
      CHECK_FALSE(piece->skipped);
      seen += log_text(piece->lines);
      bool same = piece->next == at;
      at = piece->next;
      if (piece->at_end || same) return;
    }
  };
  CHECK(read_log(bed.fs, path, 0, 1000).value().lines.empty());
  add(0, 1000);
  read_on();
  add(1000, 1003);
  read_on();
  Bytes want;
  for (int i = 0; i < 1003; ++i) want += fmt::format("line {}\n", i);
  CHECK(seen == want);
}

TEST_CASE("a log that was begun anew is read from its beginning, and said to be") {
  StageBed bed;
  std::string path = bed.dir / "log", line = "2026-01-01T00:00:00Z stdout F line\n";
  REQUIRE(storage::write_file_atomic(bed.fs, path, line, 0644).ok());
  auto shorter = read_log(bed.fs, path, 5000, 1000).value();
  CHECK(shorter.skipped);
  CHECK(shorter.lines.size() == 1);
  CHECK(shorter.next == line.size());
  // As long as before, but no line ends where the reader stood.
  REQUIRE(storage::write_file_atomic(bed.fs, path, "2026-01-01T00:00:00Z stdout F another line\n", 0644).ok());
  auto other = read_log(bed.fs, path, line.size(), 1000).value();
  CHECK(other.skipped);
  CHECK(log_text(other.lines) == "another line\n");
}

TEST_CASE("a line that fills a whole piece is passed over") {
  StageBed bed;
  std::string path = bed.dir / "log";
  REQUIRE(storage::write_file_atomic(bed.fs, path, std::string(2500, 'x') + "\n", 0644).ok());
  auto piece = read_log(bed.fs, path, 0, 1000).value();
  CHECK(piece.lines.empty());
  CHECK(piece.next == 1000);
}

TEST_CASE("a request is a spec, or an error that says what is wrong") {
  ManualClock clock;
  SeededRandom random(1);
  auto make = [&](RunRequest r) { return make_spec(r, clock, random); };
  RunRequest good{.image = "busybox",
                  .args = {"true"},
                  .env = {"A=b=c"},
                  .input = "s3://b/in",
                  .output = "s3://b/out",
                  .principal = "user/a"};
  auto spec = make(good);
  REQUIRE(spec.ok());
  CHECK(spec->name.starts_with("job-"));
  CHECK(spec->env == std::vector<format::EnvironmentVariable>{{"A", "b=c"}});
  CHECK(spec->output->prefix == "out/");
  CHECK(spec->restart == format::RestartPolicy::kNever);

  auto with = [&](auto change) {
    RunRequest r = good;
    change(r);
    return make(r);
  };
  CHECK_FALSE(with([](RunRequest& r) { r.image = ""; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.principal = ""; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.name = "Big Name"; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.name = std::string(64, 'a'); }).ok());
  CHECK(with([](RunRequest& r) { r.name = std::string(63, 'a'); }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.env = {"novalue"}; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.input = "file:///etc"; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.memory_bytes = 1; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.args = {std::string("a\0b", 3)}; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.working_dir = "relative"; }).ok());
  CHECK_FALSE(with([](RunRequest& r) { r.service = true; }).ok());  // no name, an output
  CHECK(with([](RunRequest& r) {
          r.service = true;
          r.name = "web";
          r.output = "";
        }).ok());
}

TEST_CASE("what runs is the spec over the image's config") {
  StageBed bed;
  REQUIRE(storage::make_dirs(bed.fs, bed.dir / "root/etc", 0755).ok());
  REQUIRE(storage::write_file_atomic(bed.fs, bed.dir / "root/etc/passwd",
                                     "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n", 0644)
              .ok());
  REQUIRE(storage::write_file_atomic(bed.fs, bed.dir / "root/etc/group", "root:x:0:\ndata:x:50:\n", 0644).ok());
  registry::ImageConfig image{.env = {"PATH=/opt", "A=image"},
                              .entrypoint = {"/entry"},
                              .command = {"default"},
                              .working_dir = "/w",
                              .user = "app"};
  format::WorkloadSpec spec;
  spec.name = "job";
  spec.env = {{"A", "spec"}};
  auto plan = plan_container(spec, image, bed.dir / "root");
  REQUIRE(plan.ok());
  CHECK(plan->argv == std::vector<std::string>{"/entry", "default"});
  CHECK(plan->uid == 1000);
  CHECK(plan->gid == 1001);
  CHECK(plan->working_dir == "/w");
  CHECK(std::ranges::count(plan->env, std::string("A=spec")) == 1);
  CHECK(std::ranges::count(plan->env, std::string("A=image")) == 0);
  CHECK(std::ranges::count(plan->env, std::string("PATH=/opt")) == 1);

  spec.args = {"mine"};
  spec.user = "1000:data";
  plan = plan_container(spec, image, bed.dir / "root");
  CHECK(plan->argv == std::vector<std::string>{"/entry", "mine"});
  CHECK(plan->gid == 50);
  spec.command = {"/other"};
  spec.args.clear();
  CHECK(plan_container(spec, image, bed.dir / "root")->argv == std::vector<std::string>{"/other"});
  spec.user = "nobody-here";
  CHECK_FALSE(plan_container(spec, image, bed.dir / "root").ok());
  spec.user = "";
  spec.command.clear();
  CHECK_FALSE(plan_container(spec, {}, bed.dir / "root").ok());
}

TEST_CASE("commands are run, told from each other by exit code, and killed when they take too long") {
  auto done = run_command({.argv = {"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, .env = {"PATH=/bin"}});
  REQUIRE(done.ok());
  CHECK(done->exit_status == 3);
  CHECK(done->out == "out\n");
  CHECK(done->err == "err\n");
  auto killed = run_command({.argv = {"/bin/sh", "-c", "kill -9 $$"}});
  REQUIRE(killed.ok());
  CHECK(killed->exit_status == 137);
  auto absent = run_command({.argv = {"/no/such/program"}});
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().code == Code::kNotFound);
  auto slow = run_command({.argv = {"/bin/sleep", "600"}, .timeout = Millis(50)});
  REQUIRE_FALSE(slow.ok());
  CHECK(slow.error().code == Code::kTimeout);
}

TEST_CASE("a command gets no descriptor of ours but the three it should have") {
  auto done = run_command({.argv = {"/bin/ls", "/proc/self/fd"}});
  REQUIRE(done.ok());
  CHECK(done->out == "0\n1\n2\n3\n");  // 3: ls reading the directory
}

TEST_CASE("what a command leaves in the background is not waited for, and its sync line is read") {
  auto done = run_command({.argv = {"/bin/sh", "-c", "(sleep 2; echo late) & echo '{\"data\": 7}' >&3; echo early"},
                           .sync_line = true,
                           .timeout = Millis(30'000)});
  REQUIRE(done.ok());
  CHECK(done->sync == "{\"data\": 7}");
  CHECK(done->out == "early\n");
}
