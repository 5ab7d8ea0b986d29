#include "api/admin/call.h"

using namespace dl;
using namespace dl::api::admin;

// The first line is method and target, the rest the body: refused, or understood the same way twice.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto line = input.substr(0, input.find('\n'));
  auto body = line.size() < input.size() ? input.substr(line.size() + 1) : std::string_view();
  auto method = line.substr(0, line.find(' '));
  auto target = method.size() < line.size() ? line.substr(method.size() + 1) : std::string_view();
  size_t mark = target.find('?');
  auto match = find_route(method, target.substr(0, mark));
  if (!match.ok()) return 0;
  Call call;
  call.path = match->path;
  auto query = parse_query(mark == std::string_view::npos ? "" : target.substr(mark + 1), *match->route);
  if (!query.ok()) return 0;
  call.query = *query;
  auto json = parse_body(body, *match->route);
  if (!json.ok()) return 0;
  call.body = std::move(*json);
  auto need = need_of(*match->route, call);
  DL_ASSERT(need.action == match->route->action, "another action was asked for");
  for (auto name : match->route->fields) {
    (void)call.text(name);
    (void)call.texts(name, 4);
    (void)call.number_or(name, 0, 100);
  }
  return 0;
}
