#include <charconv>

#include "access/encoding.h"
#include "cli/output.h"
#include "cli/s3.h"

// Reads the few answers of S3 that the conveniences need: texts between tags, in order. Keys come percent-encoded
// (encoding-type=url), so no text of a user's can look like a tag.
namespace dl::cli {
namespace {

std::string unescape(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kNames[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&#34;", '"'}, {"&#39;", '\''}};
  std::string out;
  for (size_t i = 0; i < text.size();) {
    bool found = false;
    for (auto [name, c] : kNames)
      if (text.substr(i).starts_with(name)) {
        out += c;
        i += name.size();
        found = true;
        break;
      }
    if (!found) out += text[i++];
  }
  return out;
}

std::string first(std::string_view xml, std::string_view tag) {
  auto all = xml_texts(xml, tag);
  return all.empty() ? std::string() : unescape(all.front());
}

std::string url_decoded(const std::string& text) {
  auto raw = access::uri_decode(text);
  return raw.ok() ? *raw : text;
}

uint64_t number(std::string_view text) {
  uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

}  // namespace

std::vector<std::string> xml_texts(std::string_view xml, std::string_view tag) {
  std::vector<std::string> out;
  std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">";
  for (size_t at = xml.find(open); at != std::string_view::npos; at = xml.find(open, at)) {
    at += open.size();
    size_t end = xml.find(close, at);
    if (end == std::string_view::npos) break;
    out.emplace_back(xml.substr(at, end - at));
    at = end;
  }
  return out;
}

std::string S3Head::find(std::string_view name) const {
  for (const auto& [have, value] : headers)
    if (have == name) return value;
  return {};
}

S3Page parse_listing(std::string_view xml) {
  S3Page page;
  for (const auto& entry : xml_texts(xml, "Contents"))
    page.objects.push_back({url_decoded(first(entry, "Key")), number(first(entry, "Size")), first(entry, "ETag"),
                            first(entry, "LastModified")});
  for (const auto& entry : xml_texts(xml, "CommonPrefixes"))
    page.prefixes.push_back(url_decoded(first(entry, "Prefix")));
  page.next = first(xml, "NextContinuationToken");
  return page;
}

Error s3_error(int status, std::string_view xml) {
  std::string code = first(xml, "Code"), message = first(xml, "Message");
  Code kind = Code::kInternal;
  if (status == 404) kind = Code::kNotFound;
  if (status == 403)
    kind = code == "SignatureDoesNotMatch" || code == "InvalidAccessKeyId" ? Code::kUnauthenticated : Code::kDenied;
  if (status == 400) kind = Code::kInvalid;
  if (status == 409) kind = Code::kConflict;
  if (status == 412) kind = Code::kPrecondition;
  if (status == 416) kind = Code::kInvalid;
  if (status == 501) kind = Code::kUnsupported;
  if (status == 503) kind = Code::kUnavailable;
  if (code == "InvalidObjectState") kind = Code::kUnavailable;
  if (message.empty()) message = "the node answered HTTP " + std::to_string(status);
  return error(kind, safe_text(code.empty() ? message : code + ": " + message));
}

}  // namespace dl::cli
