#include "api/s3/xml_reader.h"

#include <expat.h>

#include <memory>

#include "api/s3/limits.h"

namespace dl::api::s3 {
namespace {

struct Build {
  XML_Parser parser;
  XmlElement root;
  std::vector<XmlElement> open;  // from the root inwards; a finished one moves into its parent
  size_t elements = 0;
  bool done = false;
  std::string problem;

  void fail(std::string why) {
    if (problem.empty()) problem = std::move(why);
    XML_StopParser(parser, XML_FALSE);
  }
};

void on_start(void* user, const XML_Char* name, const XML_Char**) {
  auto* build = static_cast<Build*>(user);
  if (build->open.size() == limits::kMaxXmlDepth) return build->fail("it is nested too deeply");
  if (++build->elements > limits::kMaxXmlElements) return build->fail("it has too many elements");
  std::string_view local(name);
  if (size_t colon = local.rfind(':'); colon != std::string_view::npos) local.remove_prefix(colon + 1);
  build->open.emplace_back();
  build->open.back().name = local;
}

void on_end(void* user, const XML_Char*) {
  auto* build = static_cast<Build*>(user);
  if (build->open.empty()) return;
  XmlElement finished = std::move(build->open.back());
  build->open.pop_back();
  if (build->open.empty()) {
    build->root = std::move(finished);
    build->done = true;
  } else {
    build->open.back().children.push_back(std::move(finished));
  }
}

void on_text(void* user, const XML_Char* text, int size) {
  auto* build = static_cast<Build*>(user);
  if (!build->open.empty()) build->open.back().text.append(text, static_cast<size_t>(size));
}

void on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Build*>(user)->fail("it has a document type");
}

// White space between children is no text.
void trim(XmlElement& element) {
  if (!element.children.empty()) element.text.clear();
  for (auto& child : element.children) trim(child);
}

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
  for (const auto& c : children)
    if (c.name == child) return &c;
  return nullptr;
}

std::optional<std::string> XmlElement::text_of(std::string_view child) const {
  const XmlElement* c = find(child);
  if (!c) return std::nullopt;
  return c->text;
}

Result<XmlElement> read_xml(std::string_view bytes) {
  if (bytes.size() > limits::kMaxXmlBytes) return error(Code::kTooLarge, "the XML document is too large");
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser(XML_ParserCreate(nullptr),
                                                                                       &XML_ParserFree);
  DL_ASSERT(parser != nullptr, "out of memory");
  Build build{parser.get(), {}, {}};
  XML_SetUserData(parser.get(), &build);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  const auto status = XML_Parse(parser.get(), bytes.data(), static_cast<int>(bytes.size()), XML_TRUE);
  if (!build.problem.empty()) return error(Code::kInvalid, "the XML document is refused: " + build.problem);
  if (status != XML_STATUS_OK || !build.done)
    return error(Code::kInvalid,
                 std::string("the XML document does not parse: ") + XML_ErrorString(XML_GetErrorCode(parser.get())));
  trim(build.root);
  return std::move(build.root);
}

}  // namespace dl::api::s3
