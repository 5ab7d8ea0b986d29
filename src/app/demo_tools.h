#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/process.h"
#include "format/json.h"

// Small tools of the demo: what it says, how it waits, how it runs other programs.
namespace dl::app {

// From here on SIGINT and SIGTERM set interrupted() instead of ending the process.
void catch_interrupts();
bool interrupted();

// Standard output, at once. say: an indented sentence, wrapped at 100 columns.
void say(std::string_view text);
void say_line(std::string_view line);
std::string grouped(uint64_t number);  // "3,117"

// Asks `done` until it says yes. Errors: its own, kTimeout with `what`, kCancelled when interrupted.
Result<void> wait_until(const std::string& what, Millis deadline, const std::function<Result<bool>()>& done,
                        Millis every = Millis(250));
// Runs to the end. Errors: kTimeout (it is killed), kCancelled (likewise), kNotFound, kIo.
Result<Output> run_tool(SpawnOptions options, const std::string& scratch_dir, Millis deadline);

Result<void> write_text(const std::string& path, BytesView content, unsigned permissions = 0644);

}  // namespace dl::app
