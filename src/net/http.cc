#include "net/http.h"

#include "net/text.h"

namespace dl::net {

void HttpHeaders::set(std::string name, std::string value) {
  std::erase_if(list_, [&](const HttpHeader& h) { return equal_no_case(h.name, name); });
  add(std::move(name), std::move(value));
}

std::optional<std::string_view> HttpHeaders::find(std::string_view name) const {
  for (const auto& h : list_)
    if (equal_no_case(h.name, name)) return h.value;
  return std::nullopt;
}

size_t HttpHeaders::count(std::string_view name) const {
  size_t n = 0;
  for (const auto& h : list_) n += equal_no_case(h.name, name);
  return n;
}

std::string_view HttpRequest::raw_path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view HttpRequest::raw_query() const {
  size_t at = target.find('?');
  return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
}

}  // namespace dl::net
