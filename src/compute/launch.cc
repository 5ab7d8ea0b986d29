#include "compute/launch.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/log.h"
#include "compute/staging.h"
#include "registry/rooted_dir.h"

namespace dl::compute {
namespace {

constexpr std::string_view kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr size_t kMaxAccountFileBytes = 1u << 20;

std::optional<uint32_t> number_of(std::string_view text) {
  uint32_t value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Bytes> read_account_file(const std::string& rootfs, const std::string& path) {
  DL_TRY(auto root, registry::RootedDir::open(rootfs));
  auto file = root.open_file(path);
  if (!file.ok()) return Bytes();  // an image without accounts: only numbers are known
  Bytes out(kMaxAccountFileBytes, '\0');
  size_t size = 0;
  while (size < out.size()) {
    DL_TRY(size_t n, (*file)->read(out.data() + size, out.size() - size));
    if (n == 0) break;
    size += n;
  }
  out.resize(size);
  return out;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (size_t cut = 0; cut != std::string_view::npos;) {
    cut = line.find(':');
    out.push_back(line.substr(0, cut));
    if (cut != std::string_view::npos) line.remove_prefix(cut + 1);
  }
  return out;
}

// The fields of the line of passwd or group whose column `at` is `word`.
std::vector<std::string_view> find_account(std::string_view text, size_t at, std::string_view word) {
  while (!text.empty()) {
    size_t cut = std::min(text.find('\n'), text.size());
    auto fields = fields_of(text.substr(0, cut));
    text.remove_prefix(std::min(cut + 1, text.size()));
    if (fields.size() > at && fields[at] == word) return fields;
  }
  return {};
}

Error unknown_account(std::string_view name) {
  return error(Code::kInvalid, fmt::format("the image knows no user or group '{}'", name.substr(0, 100)),
               "use numbers: --user UID:GID");
}

Result<void> resolve_user(ContainerPlan& plan, const std::string& user) {
  if (user.empty()) return {};
  std::string_view name = std::string_view(user).substr(0, user.find(':'));
  DL_TRY(auto accounts, read_account_file(plan.rootfs, "etc/passwd"));
  auto uid = number_of(name);
  auto account = find_account(accounts, uid ? 2 : 0, name);
  if (!uid && account.size() > 2) uid = number_of(account[2]);
  if (!uid) return unknown_account(name);
  plan.uid = *uid;
  plan.gid = account.size() > 3 ? number_of(account[3]).value_or(0) : 0;
  if (user.find(':') == std::string::npos) return {};
  std::string_view group = std::string_view(user).substr(user.find(':') + 1);
  auto gid = number_of(group);
  if (!gid) {
    DL_TRY(auto groups, read_account_file(plan.rootfs, "etc/group"));
    auto found = find_account(groups, 0, group);
    if (found.size() > 2) gid = number_of(found[2]);
  }
  if (!gid) return unknown_account(group);
  plan.gid = *gid;
  return {};
}

void set_variable(std::vector<std::string>& env, const std::string& name, const std::string& value) {
  std::erase_if(env, [&](const std::string& text) { return text.starts_with(name + "="); });
  env.push_back(name + "=" + value);
}

Result<void> make_output_dir(const std::string& parent) {
  DL_TRY(auto root, registry::RootedDir::open(parent));
  DL_OK(root.remove("out"));
  // Any user of the image may write; nobody outside gets past the parent's 0700.
  return root.make_dir("out", {.mode = 0777});
}

Result<void> add_binds(const WorkPlace& place, const format::WorkloadSpec& spec, const std::string& dir,
                       ContainerPlan& plan, const std::atomic<bool>& stop) {
  if (spec.input) {
    DL_OK(stage_input(place.fs, place.objects, spec.principal, *spec.input, dir + "/in", stop));
    plan.binds.push_back({dir + "/in", "/in", true});
  }
  if (spec.output) {
    DL_OK(make_output_dir(dir));
    plan.binds.push_back({dir + "/out", "/out", false});
  }
  if (spec.network == format::NetworkMode::kHost)
    for (const char* path : {"/etc/resolv.conf", "/etc/hosts"}) {
      DL_TRY(bool there, place.fs.exists(path));
      if (there) plan.binds.push_back({path, path, true});
    }
  return {};
}

// The log of the attempt before is kept, older ones are not.
Result<void> drop_old_runs(const WorkPlace& place, const std::string& dir, uint32_t attempt) {
  DL_TRY(auto names, place.fs.list(dir));
  for (const auto& name : names) {
    if (!name.starts_with("run-")) continue;
    auto number = number_of(std::string_view(name).substr(4));
    if (number && *number + 1 < attempt) DL_OK(registry::remove_tree_no_follow(dir + "/" + name));
  }
  return {};
}

}  // namespace

std::string workload_dir(const std::string& dir, const WorkloadId& id) { return dir + "/" + id.hex(); }

ContainerRef container_ref(const std::string& dir, const WorkloadId& id, uint32_t attempt) {
  return {fmt::format("{}-{}", id.hex(), attempt), fmt::format("{}/run-{}", workload_dir(dir, id), attempt)};
}

Result<ContainerPlan> plan_container(const format::WorkloadSpec& spec, const registry::ImageConfig& image,
                                     const std::string& rootfs) {
  ContainerPlan plan{.rootfs = rootfs, .hostname = spec.name, .limits = spec.limits, .network = spec.network};
  plan.read_only_root = spec.read_only_root;
  plan.argv = spec.command.empty() ? image.entrypoint : spec.command;
  const auto& args = !spec.args.empty() || !spec.command.empty() ? spec.args : image.command;
  plan.argv.insert(plan.argv.end(), args.begin(), args.end());
  if (plan.argv.empty())
    return error(Code::kInvalid, fmt::format("image '{}' has no command of its own", spec.image),
                 "give one: demilune run IMAGE -- CMD");
  plan.env = image.env;
  bool has_path = std::ranges::any_of(plan.env, [](const auto& text) { return text.starts_with("PATH="); });
  if (!has_path) plan.env.emplace_back(kDefaultPath);
  set_variable(plan.env, "HOSTNAME", spec.name);
  set_variable(plan.env, "DEMILUNE_WORKLOAD", spec.name);
  set_variable(plan.env, "DEMILUNE_WORKLOAD_ID", spec.id.hex());
  for (const auto& variable : spec.env) set_variable(plan.env, variable.name, variable.value);
  plan.working_dir = !spec.working_dir.empty() ? spec.working_dir : image.working_dir;
  if (plan.working_dir.empty()) plan.working_dir = "/";
  DL_OK(resolve_user(plan, spec.user.empty() ? image.user : spec.user));
  return plan;
}

Result<std::vector<std::string>> launch_workload(const WorkPlace& place, const format::WorkloadSpec& spec,
                                                 uint32_t attempt, const std::atomic<bool>& stop) {
  std::string dir = workload_dir(place.dir, spec.id);
  ContainerRef ref = container_ref(place.dir, spec.id, attempt);
  DL_OK(place.runtime.remove(ref));
  DL_OK(registry::remove_tree_no_follow(ref.dir));
  DL_OK(storage::make_dirs(place.fs, dir, 0700));
  DL_OK(drop_old_runs(place, dir, attempt));

  std::string wanted = spec.image_digest ? registry::digest_text(*spec.image_digest) : spec.image;
  DL_TRY(auto image, place.images.find(wanted));
  DL_TRY(auto config, place.images.get_config(image.digest));
  DL_TRY(auto rootfs, place.images.ensure_rootfs(image.digest));
  DL_TRY(auto plan, plan_container(spec, config, rootfs));
  plan.ref = ref;
  plan.max_log_bytes = place.max_log_bytes;
  DL_OK(add_binds(place, spec, dir, plan, stop));
  if (stop.load()) return error(Code::kCancelled, "stopped before it was started");

  DL_OK(storage::make_dirs(place.fs, ref.dir, 0700));
  DL_TRY(auto clamps, place.runtime.create(plan));
  auto started = place.runtime.start(ref);
  if (started.ok()) return clamps;
  auto removed = place.runtime.remove(ref);
  if (!removed.ok()) log_warn("compute", "{}: {}", ref.id, removed.error().message);
  return std::move(started).error();
}

Result<void> clean_up_workload(const WorkPlace& place, const WorkloadId& id, uint32_t attempt) {
  if (attempt == 0) return {};
  DL_OK(place.runtime.remove(container_ref(place.dir, id, attempt)));
  std::string dir = workload_dir(place.dir, id);
  DL_OK(registry::remove_tree_no_follow(dir + "/in"));
  return registry::remove_tree_no_follow(dir + "/out");
}

Result<void> erase_workload_files(const WorkPlace& place, const WorkloadId& id, uint32_t attempt) {
  if (attempt > 0) DL_OK(place.runtime.remove(container_ref(place.dir, id, attempt)));
  return registry::remove_tree_no_follow(workload_dir(place.dir, id));
}

}  // namespace dl::compute
