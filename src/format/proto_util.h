#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

// Helpers of this room's codecs; included in src/format/*.cc only.
namespace dl::format {

inline Error corrupt(std::string what) { return error(Code::kCorrupt, std::move(what)); }

// Precondition for writers, check for readers: an id field has its exact size. Errors: kCorrupt.
template <class Id>
Result<Id> get_id(const std::string& field, const char* name) {
  if (field.size() != Id::kSize) return corrupt(std::string(name) + " has a wrong size");
  return Id::of(field);
}
// An empty field is the zero id.
template <class Id>
Result<Id> get_id_or_zero(const std::string& field, const char* name) {
  if (field.empty()) return Id{};
  return get_id<Id>(field, name);
}
template <class Id>
std::string put_id_or_empty(const Id& id) {
  return id.is_zero() ? std::string() : id.bytes();
}

template <class Id, class Field>
void put_ids(const std::vector<Id>& from, Field* to) {
  for (const auto& id : from) to->Add(id.bytes());
}
template <class Id, class Field>
Result<std::vector<Id>> get_ids(const Field& from, const char* name) {
  std::vector<Id> out;
  out.reserve(static_cast<size_t>(from.size()));
  for (const auto& field : from) {
    DL_TRY(Id id, get_id<Id>(field, name));
    out.push_back(id);
  }
  return out;
}

// Parses any bytes into a message and checks its format version where it has one.
template <class Message>
Result<Message> parse(BytesView bytes, const char* what) {
  Message m;
  if (!m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return corrupt(std::string(what) + ": not readable");
  return m;
}
template <class Message>
Result<Message> parse_versioned(BytesView bytes, const char* what) {
  DL_TRY(Message m, parse<Message>(bytes, what));
  if (m.format() == 0) return corrupt(std::string(what) + ": no format version");
  if (m.format() > 1)
    return error(Code::kUnsupported, std::string(what) + ": written in format " + std::to_string(m.format()),
                 "Update this node.");
  return m;
}

}  // namespace dl::format
