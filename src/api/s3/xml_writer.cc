#include "api/s3/xml_writer.h"

#include <fmt/format.h>

namespace dl::api::s3 {

XmlWriter::XmlWriter(std::string_view root, Namespace ns) {
  out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<";
  out_ += root;
  if (ns == Namespace::kS3) out_ += " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
  out_ += '>';
  open_.emplace_back(root);
}

void XmlWriter::open(std::string_view name) {
  out_ += '<';
  out_ += name;
  out_ += '>';
  open_.emplace_back(name);
}

void XmlWriter::close() {
  out_ += "</";
  out_ += open_.back();
  out_ += '>';
  open_.pop_back();
}

void XmlWriter::element(std::string_view name, std::string_view content) {
  open(name);
  escape(content);
  close();
}

void XmlWriter::element(std::string_view name, uint64_t number) { element(name, std::to_string(number)); }

void XmlWriter::flag(std::string_view name, bool value) { element(name, value ? "true" : "false"); }

void XmlWriter::text(std::string_view content) { escape(content); }

Bytes XmlWriter::finish() {
  while (!open_.empty()) close();
  return std::move(out_);
}

void XmlWriter::escape(std::string_view content) {
  for (char c : content) {
    switch (c) {
      case '<':
        out_ += "&lt;";
        break;
      case '>':
        out_ += "&gt;";
        break;
      case '&':
        out_ += "&amp;";
        break;
      case '"':
        out_ += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out_ += fmt::format("&#x{:x};", static_cast<unsigned char>(c));
        } else {
          out_ += c;
        }
    }
  }
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~' || c == '/';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace dl::api::s3
