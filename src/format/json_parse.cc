// The only file of this room that sees Boost.JSON: its parser as the grammar, our own tree and limits.
#include <boost/json/basic_parser_impl.hpp>

#include <charconv>
#include <cmath>

#include "format/json.h"

namespace dl::format {
namespace {

namespace bj = boost::json;

class TreeBuilder {
 public:
  constexpr static std::size_t max_object_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_array_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_key_size = static_cast<std::size_t>(-1);
  constexpr static std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit TreeBuilder(size_t max_members) : max_members_(max_members) {}

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) { return open(Json::object()); }
  bool on_object_end(std::size_t, bj::error_code& ec) { return close(ec); }
  bool on_array_begin(bj::error_code&) { return open(Json::array()); }
  bool on_array_end(std::size_t, bj::error_code& ec) { return close(ec); }
  bool on_key_part(bj::string_view s, std::size_t, bj::error_code&) { return part(s); }
  bool on_key(bj::string_view s, std::size_t, bj::error_code& ec) {
    part(s);
    auto& top = stack_.back();
    if (top.value.find(text_)) return fail(ec, "the member '" + text_ + "' stands twice");
    if (top.value.members().size() >= max_members_) return fail(ec, "an object has too many members");
    top.key = std::move(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(bj::string_view s, std::size_t, bj::error_code&) { return part(s); }
  bool on_string(bj::string_view s, std::size_t, bj::error_code&) {
    part(s);
    return put(Json(std::exchange(text_, {})));
  }
  bool on_number_part(bj::string_view s, bj::error_code&) {
    number_.append(s.data(), s.size());
    return true;
  }
  bool on_int64(int64_t v, bj::string_view, bj::error_code&) {
    number_.clear();
    return put(Json(v));
  }
  bool on_uint64(uint64_t v, bj::string_view, bj::error_code& ec) {
    number_.clear();
    if (!std::in_range<int64_t>(v)) return fail(ec, "a number is out of range");
    return put(Json(v));
  }
  // Boost.JSON computes the value of a long number with rounding errors: what is read would differ from what was
  // written.
  bool on_double(double v, bj::string_view s, bj::error_code& ec) {
    number_.append(s.data(), s.size());
    auto read = std::from_chars(number_.data(), number_.data() + number_.size(), v);
    number_.clear();
    if (read.ec == std::errc() && std::isfinite(v)) return put(Json(v));
    // Too small for a double is zero; too large is an error.
    return std::isfinite(v) ? put(Json(v)) : fail(ec, "a number is out of range");
  }
  bool on_bool(bool v, bj::error_code&) { return put(Json(v)); }
  bool on_null(bj::error_code&) { return put(Json()); }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

  Json take() { return std::move(root_); }
  const std::string& reason() const { return reason_; }

 private:
  struct Level {
    Json value;
    std::string key;
  };

  bool part(bj::string_view s) {
    text_.append(s.data(), s.size());
    return true;
  }
  bool open(Json empty) {
    stack_.push_back({std::move(empty), {}});
    return true;
  }
  bool close(bj::error_code&) {
    Json done = std::move(stack_.back().value);
    stack_.pop_back();
    return put(std::move(done));
  }
  bool put(Json v) {
    if (stack_.empty()) {
      root_ = std::move(v);
    } else if (stack_.back().value.is_array()) {
      stack_.back().value.push(std::move(v));
    } else {
      stack_.back().value.set(stack_.back().key, std::move(v));
    }
    return true;
  }
  bool fail(bj::error_code& ec, std::string why) {
    reason_ = std::move(why);
    ec = make_error_code(boost::system::errc::invalid_argument);
    return false;
  }

  size_t max_members_;
  std::vector<Level> stack_;
  std::string text_, number_, reason_;
  Json root_;
};

}  // namespace

Result<Json> parse_json(BytesView text, const JsonLimits& limits) {
  if (text.size() > limits.bytes)
    return error(Code::kTooLarge, "the JSON text has more than " + std::to_string(limits.bytes) + " bytes");
  bj::parse_options options;
  options.max_depth = limits.depth;
  bj::basic_parser<TreeBuilder> parser(options, limits.members);
  bj::error_code ec;
  size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && (used < text.size() || !parser.done())) ec = bj::error::extra_data;
  if (ec) {
    const auto& own = parser.handler().reason();
    return error(Code::kInvalid,
                 "this is no valid JSON at byte " + std::to_string(used) + ": " + (own.empty() ? ec.message() : own));
  }
  return parser.handler().take();
}

}  // namespace dl::format
