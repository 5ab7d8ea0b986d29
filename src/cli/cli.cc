#include "cli/cli.h"

#include <cstdio>
#include <cstdlib>

#include "base/thread.h"
#include "cli/http_api.h"
#include "cli/run.h"
#include "cli/s3.h"

namespace dl::cli {
namespace {

std::optional<std::string> process_environment(const char* name) {
  const char* v = std::getenv(name);
  if (!v || !*v) return std::nullopt;
  return std::string(v);
}

void write_out(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void write_err(std::string_view text) {
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string read_stdin_line() {
  std::string line;
  for (int c = std::getc(stdin); c != EOF && c != '\n' && line.size() < 64 * 1024; c = std::getc(stdin))
    line += static_cast<char>(c);
  return line;
}

void wait(Millis time) {
  StopSignal signal;
  signal.wait_for(time);
}

}  // namespace

int main(int argc, char** argv, const Hooks& hooks) {
  Session session;
  session.connect = [&hooks](const GlobalOptions& global) { return connect_node(global, hooks, process_environment); };
  session.connect_s3 = connect_s3;
  session.wait = wait;
  session.read_line = read_stdin_line;
  session.environment = process_environment;
  int status =
      run_words(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), hooks, session, write_out, write_err);
  // A full disk or a closed pipe behind standard output is no success.
  if (status == 0 && (std::fflush(stdout) != 0 || std::ferror(stdout))) {
    write_err("demilune: standard output takes no more\n  next: Check the disk or the program that reads it.\n");
    return 1;
  }
  return status;
}

}  // namespace dl::cli
