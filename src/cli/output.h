#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/json.h"

namespace dl::cli {

using Sink = std::function<void(std::string_view)>;

enum class Shape : uint8_t { kTable, kJson, kYaml, kName };
// kInvalid.
Result<Shape> parse_shape(std::string_view text);

struct Column {
  std::string_view title;
  std::string_view member;  // "link.state": a member of a member
  enum class As : uint8_t { kText, kBytes, kAge, kCount, kList } as = As::kText;
};

// What a command says. Data to standard output in the shape that was asked for, talk to standard error. Text from
// elsewhere never reaches a terminal with control characters in it.
class Output {
 public:
  Output() = default;
  Output(Sink data, Sink talk, Shape shape) : data_(std::move(data)), talk_(std::move(talk)), shape_(shape) {}

  Shape shape() const { return shape_; }
  // `answer` whole as JSON or YAML; the rows of its member `list` as a table, or their first column as names.
  void rows(const format::Json& answer, std::string_view list, const std::vector<Column>& columns);
  // One thing: "Title: value" lines.
  void item(const format::Json& answer, const std::vector<Column>& columns);
  // Only in table shape, beside the data.
  void line(std::string_view text);
  // As it is: PEM, shell lines, a job's output.
  void raw(std::string_view bytes) { data_(bytes); }
  void note(std::string_view text);  // to standard error
  void error(const Error& e);        // what, why, next, DL code

 private:
  Sink data_, talk_;
  Shape shape_ = Shape::kTable;
};

// Control characters as \xNN.
std::string safe_text(std::string_view text);
std::string bytes_text(uint64_t bytes);                                // "1.5 MiB"
std::string age_text(int64_t seconds);                                 // "3 s", "2 min", "4 h", "9 d"
std::string cell_text(const format::Json& row, const Column& column);  // "-" when there is nothing

}  // namespace dl::cli
