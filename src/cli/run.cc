#include "cli/run.h"

#include <fmt/format.h>

#include "base/error_table.h"

namespace dl::cli {
namespace {

int usage(const Sink& talk, const std::string& message, const std::string& next) {
  const auto& info = error_info(Code::kInvalid);
  talk(fmt::format("demilune: {}\n  next: {}\n  code: DL-{}\n", safe_text(message), safe_text(next), info.number));
  return info.exit_status;
}

}  // namespace

int run_words(std::vector<std::string> words, const Hooks& hooks, Session& session, Sink data, Sink talk) {
  auto outcome = parse(std::move(words), session.environment);
  if (auto* help = std::get_if<HelpText>(&outcome)) {
    data(help->text);
    return 0;
  }
  if (auto* wrong = std::get_if<UsageError>(&outcome)) return usage(talk, wrong->message, wrong->next);
  auto& parsed = std::get<Parsed>(outcome);
  auto shape = parse_shape(parsed.global.output);
  if (!shape.ok()) return usage(talk, shape.error().message, shape.error().next);
  session.global = parsed.global;
  session.hooks = &hooks;
  session.out = Output(std::move(data), std::move(talk), *shape);
  auto done = parsed.command->run(session, parsed.args);
  if (done.ok()) return *done;
  session.out.error(done.error());
  return error_info(done.error().code).exit_status;
}

}  // namespace dl::cli
