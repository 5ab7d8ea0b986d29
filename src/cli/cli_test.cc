#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "cli/http_api.h"
#include "cli/s3.h"
#include "cli/tar.h"
#include "cli/testing/fake.h"

using namespace dl;
using namespace dl::cli;
using namespace dl::cli::testing;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("every command has help with an example, and no two share a path") {
  World w;
  std::set<std::string_view> seen;
  for (const auto& c : commands()) {
    CAPTURE(c.path);
    CHECK(seen.insert(c.path).second);
    bool runs = c.run != nullptr;
    CHECK(runs);
    auto ran = w.run(std::string(c.path) + " --help");
    CHECK(ran.status == 0);
    CHECK(has(ran.out, c.summary));
    CHECK(has(ran.out, "Example:\n  " + std::string(c.example)));
    CHECK(has(std::string(c.example), "demilune " + std::string(c.path)));
    CHECK(ran.err.empty());
  }
}

TEST_CASE("docs/cli.md shows the commands as they are") {
  World w;
  std::ifstream file(std::string(DL_DOCS_DIR) + "/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  CHECK_MESSAGE(has(text.str(), w.run("reference").out), "put the output of `demilune reference` into docs/cli.md");
}

TEST_CASE("a demo that was not built in is an error, not a crash") {
  World w;
  auto ran = w.run("demo --check");
  CHECK(ran.status == 1);
  CHECK(has(ran.err, "carries no demo"));
}

TEST_CASE("a wrong command line ends with status 2, says why and how to get help") {
  World w;
  for (std::string line : {"", "fly", "device", "device fly", "device invite", "device invite a b", "status --fast",
                           "conflict resolve s3://b/k", "status -o xml", "status --json -o yaml",
                           "device invite a --expires 1h --expires 2h", "device invite a --expires soon"}) {
    CAPTURE(line);
    auto ran = w.run(line);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, "demilune: "));
    CHECK(has(ran.err, "next: "));
    CHECK(has(ran.err, "DL-1001"));
  }
  CHECK(has(w.run("device invite").err, "demilune device invite --help"));
  CHECK(w.node.asked.empty());
  CHECK(has(w.run("fly").err, "there is no command 'fly'"));
  CHECK(has(w.run("bucket fly").err, "next: One of: create, list, delete, versioning."));
  CHECK(has(w.run("bucket").err, "`bucket` wants a word more"));
}

TEST_CASE("words take their places in order") {
  World w;
  w.files.files["p.json"] = R"({"Version":"2012-10-17"})";
  w.node.answer("PUT /api/v1/users/alice/policies/readers", R"({"done":true})");
  CHECK(w.run("policy put alice readers p.json").status == 0);
  CHECK(w.node.asked.at(0).body == R"({"document":{"Version":"2012-10-17"}})");
  w.node.answer("PUT /api/v1/buckets/mission/versioning", R"({"done":true})");
  CHECK(w.run("bucket versioning mission suspended").status == 0);
  CHECK(w.node.asked.at(1).body == R"({"status":"suspended"})");
}

TEST_CASE("the exit status tells what went wrong") {
  struct Row {
    Code code;
    int status;
  };
  for (auto [code, status] : {Row{Code::kNotFound, 4},
                              {Code::kDenied, 5},
                              {Code::kUnauthenticated, 5},
                              {Code::kConflict, 6},
                              {Code::kExists, 6},
                              {Code::kUnavailable, 7},
                              {Code::kTimeout, 8},
                              {Code::kInternal, 1}}) {
    World w;
    w.node.refuse("GET /api/v1/devices/x", error(code, "it is so", "do that"));
    auto ran = w.run("device show x");
    CHECK(ran.status == status);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, "demilune: it is so\n  next: do that\n  code: DL-"));
  }
}

TEST_CASE("without a node the error says how to start one") {
  World w;
  w.down = true;
  auto ran = w.run("status --data-dir /d");
  CHECK(ran.status == 7);
  CHECK(has(ran.err, "no node serves /d"));
  w.environment["DEMILUNE_DATA_DIR"] = "/e";
  CHECK(has(w.run("status").err, "no node serves /e"));
  CHECK(has(w.run("status --data-dir /d").err, "no node serves /d"));
}

TEST_CASE("a list has the shape that was asked for") {
  World w;
  w.node.answer("GET /api/v1/devices",
                R"({"devices":[{"name":"field-01","state":"enrolled","link":"connected","last_contact_age_seconds":130,
                "buckets":["mission","maps"],"created":"2026-11-24T08:00:00Z"},
                {"name":"x","state":"invited","buckets":[],"created":"2026-11-24T09:00:00Z"}]})");
  CHECK(w.run("device list").out ==
        "NAME      STATE     LINK       LAST CONTACT  BUCKETS       CREATED\n"
        "field-01  enrolled  connected  2 min         mission,maps  2026-11-24T08:00:00Z\n"
        "x         invited   -          -             -             2026-11-24T09:00:00Z\n");
  CHECK(w.run("device list -o name").out == "field-01\nx\n");
  CHECK(w.run("device list --json").out == w.run("device list -o json").out);
  CHECK(format::parse_json(w.run("device list --json").out)->find("devices")->items().size() == 2);
  CHECK(has(w.run("device list -o yaml").out, "devices:\n- name: field-01\n  state: enrolled\n"));
}

TEST_CASE("one thing is shown as lines, as JSON, as YAML, as its name") {
  World w;
  w.node.answer("POST /api/v1/buckets", R"({"name":"mission","id":"00ff","versioning":"unversioned"})");
  CHECK(w.run("bucket create mission").out == "Name:        mission\nVersioning:  unversioned\nId:          00ff\n");
  CHECK(w.run("bucket create mission -o name").out == "mission\n");
  CHECK(w.run("bucket create mission -o yaml").out == "name: mission\nid: \"00ff\"\nversioning: unversioned\n");
  CHECK(w.node.asked.at(0).body == R"({"name":"mission"})");
}

TEST_CASE("text from elsewhere cannot steer the terminal") {
  World w;
  w.node.answer("GET /api/v1/users",
                "{\"users\":[{\"name\":\"a\\u001b[31m\\u009bb\",\"enabled\":true,\"policies\":[]}]}");
  auto ran = w.run("user list");
  CHECK(has(ran.out, "a\\x1b[31m\\x9bb"));
  CHECK(!has(ran.out, "\x1b"));
}

TEST_CASE("an invitation prints the code alone, or as JSON for scripts") {
  World w;
  w.node.answer("POST /api/v1/devices", R"({"name":"field-01","code":"DLI1-abc","expires":"2026-11-25T08:00:00Z"})");
  auto ran = w.run("device invite field-01 --expires 2h --hub-address 10.0.0.1:7445");
  CHECK(ran.out == "DLI1-abc\n");
  CHECK(has(ran.err, "On the device:\n  demilune device enroll --code CODE"));
  CHECK(w.node.asked.at(0).body == R"({"name":"field-01","expires_seconds":7200,"hub_address":"10.0.0.1:7445"})");
  CHECK(format::parse_json(w.run("device invite field-01 -o json").out)->text("code") == "DLI1-abc");
}

TEST_CASE("enrolment takes the code from standard input, so that it need not stand in argv") {
  World w;
  EnrollOptions seen;
  w.hooks.enroll_device = [&](const EnrollOptions& o) -> Result<Enrolled> {
    seen = o;
    return Enrolled{"field-01", "hub"};
  };
  w.input = "DLI1-abc";
  CHECK(w.run("device enroll --code - --data-dir /d").status == 0);
  CHECK(seen.code == "DLI1-abc");
  CHECK(seen.data_dir == "/d");
  CHECK(w.run("device enroll --data-dir /d").status == 2);
}

TEST_CASE("up hands its flags to the node and ends with its status") {
  World w;
  UpOptions seen;
  w.hooks.run_node = [&](const UpOptions& o) {
    seen = o;
    return 130;
  };
  CHECK(w.run("up --data-dir /d --listen-data 127.0.0.1:0 --admin-key-file k --insecure-http 127.0.0.1:9000").status ==
        130);
  CHECK(seen.data_dir == "/d");
  CHECK(seen.listen_data == "127.0.0.1:0");
  CHECK(seen.listen_admin.empty());
  CHECK(seen.admin_key_file == "k");
  CHECK(seen.insecure_http == "127.0.0.1:9000");
}

TEST_CASE("a conflict is shown with device, person and time of every version") {
  World w;
  w.node.answer("GET /api/v1/conflicts",
                R"({"conflicts":[{"bucket":"mission","key":"plan.txt","versions":[
                {"version":"aa","current":true,"kind":"object","size":2048,"device":"hub","principal":"user/alice","written":"2026-11-24T08:00:00Z"},
                {"version":"bb","current":false,"kind":"object","size":3,"device":"field-01","principal":"user/bob","written":"2026-11-24T08:01:00Z"}]}],
                "truncated":false})");
  auto ran = w.run("conflict list");
  CHECK(ran.status == 0);
  CHECK(has(ran.out,
            "s3://mission/plan.txt  bb       no       object  3 B      field-01  user/bob    2026-11-24T08:01:00Z"));
  CHECK(w.run("conflict list -o name").out == "s3://mission/plan.txt\n");
  w.node.answer("POST /api/v1/conflicts/resolve", R"({"version":"cc","kept":"bb","durable":"local"})");
  ran = w.run("conflict resolve s3://mission/plan.txt --keep bb");
  CHECK(ran.status == 0);
  CHECK(w.node.asked.back().body == R"({"bucket":"mission","key":"plan.txt","keep":"bb"})");
  CHECK(has(ran.err, "the hub hears of it"));
}

TEST_CASE("a key with odd characters reaches the node as it is") {
  World w;
  w.node.answer("GET /api/v1/sync/why?bucket=b&key=a%20b%2F%3F%26%C3%A9",
                R"({"facts":[{"name":"state","value":"committed"}]})");
  auto ran = w.run_words({"sync", "why", "s3://b/a b/?&\xC3\xA9"});
  CHECK(ran.status == 0);
  CHECK(has(ran.out, "committed"));
}

TEST_CASE("run sends the job as it was meant, command behind --") {
  World w;
  w.node.answer("POST /api/v1/jobs", R"({"id":"3f","name":"j","phase":"Pending","ended":false})");
  auto ran = w.run_words(
      {"run", "busybox",         "--in", "s3://mission/a/", "--out", "s3://mission/r/", "--memory", "64M", "--cpus",
       "1.5", "--env",           "A=1",  "--env",           "B=x y", "--timeout",       "90s",      "--",  "sh",
       "-c",  "wc --lines /in/*"});
  CHECK(ran.status == 0);
  CHECK(
      w.node.asked.at(0).body ==
      R"({"image":"busybox","input":"s3://mission/a/","output":"s3://mission/r/","args":["sh","-c","wc --lines /in/*"],)"
      R"("env":["A=1","B=x y"],"memory_bytes":67108864,"cpu_millis":1500,"timeout_seconds":90})");
  CHECK(w.run("run busybox --cpus a.b").status == 2);
}

TEST_CASE("run --wait ends with the job's own success") {
  World w;
  w.node.answer("POST /api/v1/jobs", R"({"id":"3f","phase":"Pending","ended":false})");
  w.node.answer("GET /api/v1/jobs/3f", R"({"id":"3f","phase":"Running","ended":false})");
  w.node.answer("GET /api/v1/jobs/3f", R"({"id":"3f","phase":"Failed","ended":true,"exit_code":3})");
  auto ran = w.run("run busybox --wait");
  CHECK(ran.status == 1);
  CHECK(has(ran.out, "Failed"));
  CHECK(w.waits.size() == 1);
  w.node.answers["GET /api/v1/jobs/3f"].clear();
  w.node.answer("GET /api/v1/jobs/3f", R"({"id":"3f","phase":"Succeeded","ended":true})");
  CHECK(w.run("run busybox --wait").status == 0);
  w.node.answers["GET /api/v1/jobs/3f"].clear();
  w.node.answer("GET /api/v1/jobs/3f", R"({"id":"3f","phase":"Running","ended":false})");
  CHECK(w.run("run busybox --wait --wait-timeout 2s").status == 8);
}

TEST_CASE("job logs --follow shows all bytes until the job ended") {
  World w;
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=0", R"({"data_base64":"YQBi","next_offset":3,"end":false})");
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=3", R"({"data_base64":"","next_offset":3,"end":false})");
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=3", R"({"data_base64":"Cg==","next_offset":4,"end":false})");
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=4", R"({"data_base64":"","next_offset":4,"end":true})");
  CHECK(w.run("job logs --follow 3f").out == std::string("a\0b\n", 4));
}

TEST_CASE("job logs without --follow read all pages, also where the log was begun anew, and say what is gone") {
  World w;
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=0",
                R"({"data_base64":"YQo=","next_offset":900,"end":false,"gap":false})");
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=900",
                R"({"data_base64":"Ygo=","next_offset":20,"end":false,"gap":true})");
  w.node.answer("GET /api/v1/jobs/3f/logs?offset=20", R"({"data_base64":"","next_offset":20,"end":false,"gap":false})");
  auto ran = w.run("job logs 3f");
  CHECK(ran.out == "a\nb\n");
  CHECK(has(ran.err, "kept no longer"));
}

TEST_CASE("status tells the time of what the hub said, and its age") {
  World w;
  w.node.answer("GET /api/v1/status",
                R"({"name":"field-01","device":{"state":"enrolled","as_of":"2026-11-24T11:06:45Z","age_seconds":90}})");
  auto ran = w.run("status -o table");
  CHECK(has(ran.out, "2026-11-24T11:06:45Z"));
  CHECK(has(ran.out, "90 s"));
}

TEST_CASE("an image directory is sent as a tar archive, a file as it is") {
  World w;
  w.files.files = {{"oci/oci-layout", "{}"}, {"oci/blobs/sha256/aa", std::string(513, 'x')}, {"i.tar", "tar bytes"}};
  w.node.answer("POST /api/v1/images?name=bb", R"({"name":"bb:latest","digest":"sha256:00","size":1})");
  CHECK(w.run("image import oci --name bb -o name").out == "bb:latest\n");
  REQUIRE(w.node.uploaded.size() == 512 + 1024 + 512 + 512 + 1024);
  CHECK(w.node.uploaded.substr(0, 19) == "blobs/sha256/aa" + std::string(4, '\0'));
  CHECK(w.node.uploaded.substr(257, 8) == std::string("ustar\00000", 8));
  w.node.uploaded.clear();
  w.node.answer("POST /api/v1/images", R"({"name":"bb:latest"})");
  CHECK(w.run("image import i.tar").status == 0);
  CHECK(w.node.uploaded == "tar bytes");
  CHECK(w.run("image import absent").status == 4);
}

TEST_CASE("tar keeps paths at its limit and refuses what is one longer") {
  std::string dir(155, 'd'), name(100, 'n');
  CHECK(tar_header({name, false, 1}).ok());
  CHECK(tar_header({dir + "/" + name, false, 1}).ok());
  CHECK(tar_header({"n" + name, false, 1}).error().code == Code::kUnsupported);
  CHECK(tar_header({"d" + dir + "/" + name, false, 1}).error().code == Code::kUnsupported);
  CHECK(!tar_header({"a", false, 1ull << 33}).ok());
}

TEST_CASE("env prints lines a shell can take, and a CA that the caller can read") {
  World w;
  w.node.answer("GET /api/v1/node",
                R"({"name":"hub","region":"us-east-1","data_endpoint":"https://127.0.0.1:7443","ca_pem":"PEM"})");
  w.files.files["admin.key"] =
      "[other]\naws_access_key_id=no\n[default]\naws_access_key_id = DLK1\naws_secret_access_key = it's\n";
  w.environment["XDG_RUNTIME_DIR"] = "/run/me";
  w.environment["USER"] = "me";
  auto ran = w.run("env --shell --credentials admin.key");
  CHECK(ran.status == 0);
  CHECK(ran.out ==
        "export AWS_ENDPOINT_URL='https://127.0.0.1:7443'\nexport AWS_REGION='us-east-1'\n"
        "export AWS_DEFAULT_REGION='us-east-1'\nexport AWS_CA_BUNDLE='/run/me/demilune-hub-me.pem'\n"
        "export AWS_ACCESS_KEY_ID='DLK1'\nexport AWS_SECRET_ACCESS_KEY='it'\\''s'\n");
  CHECK(w.files.files["/run/me/demilune-hub-me.pem"] == "PEM");
  CHECK(has(w.run("env").err, "No access key"));
}

TEST_CASE("a new key's secret goes to a file that only its owner reads, and then not to the screen") {
  World w;
  w.node.answer("POST /api/v1/users/alice/keys",
                R"({"access_key_id":"DLK1","user":"alice","enabled":true,"secret_access_key":"hush"})");
  auto ran = w.run("key create alice --file alice.key");
  CHECK(ran.status == 0);
  CHECK(!has(ran.out + ran.err, "hush"));
  CHECK(w.files.modes["alice.key"] == 0600);
  CHECK(parse_credentials(w.files.files["alice.key"], "default")->secret == "hush");
  CHECK(has(w.run("key create alice").out, "hush"));
}

TEST_CASE("keys come from the environment, else from a credentials file, else the error says how") {
  World w;
  auto environment = [&](const char* n) -> std::optional<std::string> {
    auto it = w.environment.find(n);
    return it == w.environment.end() ? std::nullopt : std::optional(it->second);
  };
  CHECK(find_keys(w.hooks, environment).error().code == Code::kUnauthenticated);
  w.files.files["f"] = "[p]\r\naws_access_key_id=A\r\naws_secret_access_key=S\r\n";
  w.environment = {{"AWS_SHARED_CREDENTIALS_FILE", "f"}, {"AWS_PROFILE", "p"}};
  CHECK(find_keys(w.hooks, environment)->secret == "S");
  w.environment["AWS_PROFILE"] = "q";
  CHECK(find_keys(w.hooks, environment).error().code == Code::kInvalid);
  w.environment["AWS_ACCESS_KEY_ID"] = "E";
  w.environment["AWS_SECRET_ACCESS_KEY"] = "T";
  CHECK(find_keys(w.hooks, environment)->id == "E");
}

TEST_CASE("explain knows every code and refuses what is none") {
  World w;
  CHECK(has(w.run("explain DL-1003").out, "The named thing does not exist"));
  CHECK(w.run("explain 1003 -o name").out == "DL-1003\n");
  CHECK(w.run("explain DL-9999").status == 4);
  CHECK(w.run("explain x").status == 4);
  CHECK(w.run("version").out == "Demilune:  1.2.3\n");
}

TEST_CASE("doctor works without a node and fails when something is wrong") {
  World w;
  w.down = true;
  w.hooks.local_doctor = [](const std::string&) {
    return std::vector<LocalFinding>{{"error", "crun", "crun is not installed", "apt install crun"}};
  };
  auto ran = w.run("doctor");
  CHECK(ran.status == 1);
  CHECK(has(ran.out, "crun is not installed"));
  w.down = false;
  w.node.answer("GET /api/v1/doctor", R"({"healthy":true,"findings":[]})");
  CHECK(w.run("doctor").status == 0);
}

TEST_CASE("sync watch --until-settled ends when nothing waits") {
  World w;
  w.node.answer("GET /api/v1/sync", R"({"paused":false,"links":[{"peer":"hub","state":"down"}],"spaces":[]})");
  w.node.answer(
      "GET /api/v1/sync",
      R"({"paused":false,"links":[{"peer":"hub","state":"connected"}],"spaces":[{"bucket":"m","cursor":7,"newest":7,"undecided":2}]})");
  w.node.answer(
      "GET /api/v1/sync",
      R"({"paused":false,"links":[{"peer":"hub","state":"connected"}],"spaces":[{"bucket":"m","cursor":7,"newest":7,"undecided":0}]})");
  CHECK(w.run("sync watch --until-settled").status == 0);
  CHECK(w.waits.size() == 2);
  w.node.answer("GET /api/v1/sync", R"({"links":[{"peer":"hub","state":"down"}],"spaces":[]})");
  w.node.answers["GET /api/v1/sync"].erase(w.node.answers["GET /api/v1/sync"].begin());
  CHECK(w.run("sync watch --until-settled --timeout 3s").status == 8);
}

TEST_CASE("times and sizes are read as people write them") {
  CHECK(*parse_duration("500ms") == Millis(500));
  CHECK(*parse_duration("24h") == std::chrono::hours(24));
  CHECK(*parse_duration("7") == Millis(7000));
  CHECK(!parse_duration("h").ok());
  CHECK(!parse_duration("1w").ok());
  CHECK(!parse_duration("-1s").ok());
  CHECK(*parse_size("64M") == 64ull << 20);
  CHECK(*parse_size("1GiB") == 1ull << 30);
  CHECK(!parse_size("1Q").ok());
  CHECK(!parse_size("99999999999999T").ok());
  CHECK(bytes_text(1023) == "1023 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(age_text(119) == "119 s");
  CHECK(age_text(7200) == "2 h");
}

TEST_CASE("what another server answers is an error that says so") {
  CHECK(read_answer(404, "<html>").error().code == Code::kNotFound);
  CHECK(has(read_answer(500, "{}").error().next, "--endpoint"));
  auto e = read_answer(409, R"({"code":"DL-1004","name":"exists","message":"it is there","next":"take another"})");
  CHECK(e.error().code == Code::kExists);
  CHECK(e.error().message == "it is there");
  CHECK(read_answer(200, "nope").error().code == Code::kInternal);
}

TEST_CASE("S3 listings and errors are read") {
  auto page = parse_listing(
      "<R><Contents><Key>a%20b%26</Key><Size>12</Size><ETag>&quot;e&quot;</ETag></Contents>"
      "<CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes><NextContinuationToken>t&amp;</NextContinuationToken></"
      "R>");
  REQUIRE(page.objects.size() == 1);
  CHECK(page.objects[0].key == "a b&");
  CHECK(page.objects[0].size == 12);
  CHECK(page.objects[0].etag == "\"e\"");
  CHECK(page.prefixes == std::vector<std::string>{"p/"});
  CHECK(page.next == "t&");
  auto e = s3_error(404, "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>");
  CHECK(e.code == Code::kNotFound);
  CHECK(e.message == "NoSuchKey: gone");
}
