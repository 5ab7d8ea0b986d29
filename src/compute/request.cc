#include "compute/request.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "compute/limits.h"

namespace dl::compute {
namespace {

bool is_name(std::string_view name) {
  auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, allowed) && name.front() != '-' &&
         name.back() != '-';
}

Result<void> check_words(const RunRequest& request) {
  size_t bytes = 0;
  for (const auto* list : {&request.command, &request.args, &request.env})
    for (const auto& word : *list) {
      bytes += word.size() + 1;
      if (word.find('\0') != std::string::npos)
        return error(Code::kInvalid, "a zero byte in the command or the environment");
    }
  if (request.command.size() + request.args.size() > kMaxWords || request.env.size() > kMaxEnvironment ||
      bytes > kMaxProcessBytes)
    return error(Code::kTooLarge, fmt::format("at most {} words, {} variables and {} bytes of both", kMaxWords,
                                              kMaxEnvironment, kMaxProcessBytes));
  return {};
}

Result<format::EnvironmentVariable> parse_variable(const std::string& text) {
  size_t cut = text.find('=');
  if (cut == std::string::npos || cut == 0)
    return error(Code::kInvalid, fmt::format("'{}' is no variable", text.substr(0, 100)), "write it as NAME=value");
  return format::EnvironmentVariable{text.substr(0, cut), text.substr(cut + 1)};
}

Result<void> check_limits(const RunRequest& request) {
  if (request.memory_bytes > 0 && request.memory_bytes < kMinMemoryBytes)
    return error(Code::kInvalid,
                 fmt::format("a memory limit of {} bytes: at least {}", request.memory_bytes, kMinMemoryBytes));
  if (request.memory_bytes > INT64_MAX || request.cpu_millis > 1'000'000 || request.pids > INT32_MAX)
    return error(Code::kInvalid, "a limit is out of range");
  if (request.timeout < Millis(0)) return error(Code::kInvalid, "a negative time-out");
  if (request.service && request.timeout > Millis(0))
    return error(Code::kInvalid, "a service runs on: it takes no time-out", "leave out --timeout or --restart always");
  if (request.service && !request.output.empty())
    return error(Code::kInvalid, "a service never ends, so it has no output to collect",
                 "leave out --out or --restart always");
  if (!request.working_dir.empty() && request.working_dir.front() != '/')
    return error(Code::kInvalid, "the working directory must begin with '/'");
  return {};
}

}  // namespace

Result<format::ObjectPrefix> parse_object_url(std::string_view url) {
  constexpr std::string_view kScheme = "s3://";
  format::ObjectPrefix out;
  std::string_view rest = url;
  if (rest.starts_with(kScheme)) {
    rest.remove_prefix(kScheme.size());
    size_t cut = std::min(rest.find('/'), rest.size());
    out.bucket = rest.substr(0, cut);
    out.prefix = rest.substr(std::min(cut + 1, rest.size()));
  }
  if (out.bucket.empty() || out.prefix.size() > limits::kMaxKeyBytes)
    return error(Code::kInvalid, fmt::format("'{}' names no objects", url.substr(0, 200)),
                 "write it as s3://BUCKET/PREFIX");
  return out;
}

Result<format::WorkloadSpec> make_spec(const RunRequest& request, const Clock& clock, Random& random) {
  DL_OK(check_words(request));
  DL_OK(check_limits(request));
  format::WorkloadSpec spec;
  spec.id = random.id<WorkloadId>();
  spec.name = request.name;
  if (spec.name.empty()) {
    if (request.service) return error(Code::kInvalid, "a service needs a name", "add --name NAME");
    spec.name = "job-" + spec.id.hex().substr(0, 8);
  }
  if (!is_name(spec.name))
    return error(Code::kInvalid, fmt::format("'{}' is no name of a workload", spec.name.substr(0, 100)),
                 "use a-z, 0-9 and '-' inside, at most 63");
  if (request.image.empty()) return error(Code::kInvalid, "no image given", "see: demilune image list");
  if (request.principal.empty()) return error(Code::kUnauthenticated, "a workload needs a principal to run as");
  spec.kind = request.service ? format::WorkloadKind::kService : format::WorkloadKind::kJob;
  spec.restart = request.service              ? format::RestartPolicy::kAlways
                 : request.restart_on_failure ? format::RestartPolicy::kOnFailure
                                              : format::RestartPolicy::kNever;
  spec.image = request.image;
  spec.command = request.command;
  spec.args = request.args;
  for (const auto& text : request.env) {
    DL_TRY(auto variable, parse_variable(text));
    spec.env.push_back(std::move(variable));
  }
  if (!request.input.empty()) {
    DL_TRY(spec.input, parse_object_url(request.input));
  }
  if (!request.output.empty()) {
    DL_TRY(auto output, parse_object_url(request.output));
    if (!output.prefix.empty() && !output.prefix.ends_with('/')) output.prefix += '/';
    spec.output = std::move(output);
  }
  spec.limits = {request.memory_bytes, request.cpu_millis, request.pids};
  spec.timeout_millis = static_cast<uint64_t>(request.timeout.count());
  spec.max_restarts = request.max_restarts;
  spec.principal = request.principal;
  spec.node = request.node;
  spec.network = request.host_network ? format::NetworkMode::kHost : format::NetworkMode::kNone;
  spec.working_dir = request.working_dir;
  spec.user = request.user;
  spec.read_only_root = request.read_only_root;
  spec.submitted_millis = static_cast<uint64_t>(clock.wall().time_since_epoch().count());
  return spec;
}

}  // namespace dl::compute
