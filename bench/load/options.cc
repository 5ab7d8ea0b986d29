#include "bench/load/options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "bench/load/fail.h"

namespace dl::bench {
namespace {

constexpr const char* kHelp = R"(s3_bench --op OP --address A:P --credentials FILE --bucket NAME
  bucket   makes the bucket
  fill     writes objects --from up to --objects
  put      writes new objects                     get    reads random objects of the fill
  head     asks for random objects of the fill    putget half of each
  mixed    45 GET and 30 HEAD of the fill, 15 PUT of new objects, 10 DELETE of objects that it wrote itself
  list     walks over the fill again and again, a page of 1000 a request, each connection a walk of its own
  page     asks for the first page again and again
  first    asks for the first page once
  walk     one walk over the whole fill
  delete   deletes three of four objects of the fill, 1000 a request
Amount: --seconds N (10) --warm-up N (1) of put, get, head, putget, mixed, list and page; the others end by themselves, or
      are cut short after --limit N. A server that answers nothing for --patience N (30) ends the program.
Load: --connections N (16), each kept alive and with one request under way; --in-flight N keeps only so many under way
      and takes turns over the connections. Without --rate a connection asks again when it is answered (a closed loop:
      latencies leave out what a stalled server kept from being asked). With --rate N requests are due on a fixed
      schedule of N a second and latency counts from the time that a request was due.
Objects: --size BYTES (4096) --objects N (5000) --set NAME (fill: prefix of their keys) --run NAME (prefix of new keys)
      --seed N (1: of the choices) --body-seed N (1: of the bytes; another one than at the fill makes every GET wrong)
      --compare bytes|length (bytes: every byte of a GET)
Also: --tls yes (the certificate is not checked) --region R (us-east-1) --pid PID (the server's, for its CPU time)
Keys come from the file only. Prints one JSON line; exit status 1 when a request failed.
)";

double number(const std::string& name, const std::string& text) {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0) || value > 1e15) fail("--" + name + " needs a number, got " + text);
  return value;
}

std::map<std::string, std::string> pairs(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help") {
      std::fputs(kHelp, stdout);
      std::exit(0);
    }
    if (!name.starts_with("--") || i + 1 == argc) fail("a pair `--name value` is needed at " + name + "; see --help");
    given[name.substr(2)] = argv[++i];
  }
  return given;
}

void set_address(Target& target, const std::string& address) {
  size_t colon = address.rfind(':');
  if (colon == std::string::npos) fail("--address needs A:P, got " + address);
  target.host = address.substr(0, colon);
  target.port = static_cast<uint16_t>(number("address", address.substr(colon + 1)));
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options o;
  o.target.region = "us-east-1";
  auto text = [](std::string& to) { return [&to](const std::string&, const std::string& v) { to = v; }; };
  auto count = [](size_t& to) {
    return [&to](const std::string& n, const std::string& v) { to = static_cast<size_t>(number(n, v)); };
  };
  auto real = [](double& to) { return [&to](const std::string& n, const std::string& v) { to = number(n, v); }; };
  const std::map<std::string, std::function<void(const std::string&, const std::string&)>> table = {
      {"op", text(o.op)},
      {"bucket", text(o.bucket)},
      {"region", text(o.target.region)},
      {"run", text(o.run)},
      {"set", text(o.set)},
      {"compare", text(o.compare)},
      {"size", count(o.size)},
      {"connections", count(o.connections)},
      {"in-flight", count(o.in_flight)},
      {"objects", count(o.objects)},
      {"from", count(o.from)},
      {"seed", count(o.seed)},
      {"body-seed", count(o.body_seed)},
      {"rate", real(o.rate)},
      {"seconds", real(o.seconds)},
      {"warm-up", real(o.warm_up)},
      {"limit", real(o.limit)},
      {"patience", real(o.patience)},
      {"address", [&o](const std::string&, const std::string& v) { set_address(o.target, v); }},
      {"credentials", [&o](const std::string&, const std::string& v) { read_credentials(v, o.target); }},
      {"tls", [&o](const std::string&, const std::string& v) { o.target.is_tls = v == "yes"; }},
      {"pid", [&o](const std::string& n, const std::string& v) { o.pid = static_cast<int>(number(n, v)); }},
  };
  for (const auto& [name, value] : pairs(argc, argv)) {
    auto entry = table.find(name);
    if (entry == table.end()) fail("no option --" + name + "; see --help");
    entry->second(name, value);
  }
  if (o.target.port == 0 || o.bucket.empty() || o.target.access_key.empty())
    fail("--address A:P, --bucket and --credentials are needed; see --help");
  if (o.compare != "bytes" && o.compare != "length") fail("--compare bytes or length; see --help");
  o.connections = std::max<size_t>(1, o.connections);
  o.objects = std::max<size_t>(1, o.objects);
  if (o.op == "first" || o.op == "walk") o.connections = 1;
  if (o.in_flight == 0 || o.in_flight > o.connections) o.in_flight = o.connections;
  return o;
}

void read_credentials(const std::string& path, Target& target) {
  std::ifstream file(path);
  if (!file) fail("no credentials file " + path);
  auto value = [](std::string_view line) {
    line.remove_prefix(std::min(line.find('=') + 1, line.size()));
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with(' ') || line.ends_with('\r')) line.remove_suffix(1);
    return std::string(line);
  };
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("aws_access_key_id")) target.access_key = value(line);
    if (line.starts_with("aws_secret_access_key")) target.secret_key = value(line);
  }
  if (target.access_key.empty() || target.secret_key.empty()) fail("no keys in " + path);
}

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "s3_bench: {}\n", why);
  std::exit(2);
}

}  // namespace dl::bench
