#include <doctest/doctest.h>

#include "format/json.h"

using namespace dl;
using namespace dl::format;

TEST_CASE("JSON comes back as it was written, members in order") {
  std::string text = R"({"b":1,"a":[true,null,"x\n\u00e9",-2],"c":{"d":1.5},"e":{},"f":[]})";
  auto v = parse_json(text);
  REQUIRE(v.ok());
  CHECK(v->number("b") == 1);
  CHECK(v->find("a")->items().size() == 4);
  CHECK(write_json(*v) == "{\"b\":1,\"a\":[true,null,\"x\\n\xC3\xA9\",-2],\"c\":{\"d\":1.5},\"e\":{},\"f\":[]}");
  CHECK(*parse_json(write_json(*v, JsonStyle::kPretty)) == *v);
}

TEST_CASE("malformed JSON is refused with the place") {
  for (std::string_view bad :
       {"", "{", "{\"a\":1,}", "[1 2]", "{\"a\":1}x", "// c\n1", "\"\xff\"", "nul", "{'a':1}", "01"})
    CHECK_MESSAGE(parse_json(bad).error().code == Code::kInvalid, bad);
}

TEST_CASE("a member named twice is refused") {
  auto v = parse_json(R"({"keep":"a","keep":"b"})");
  REQUIRE(!v.ok());
  CHECK(v.error().message.find("'keep' stands twice") != std::string::npos);
}

TEST_CASE("JSON limits hold at the limit and one past it") {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json(nested(16)).ok());
  CHECK(!parse_json(nested(17)).ok());
  JsonLimits few{.bytes = 20, .depth = 4, .members = 2};
  CHECK(parse_json(R"({"a":1,"b":2})", few).ok());
  CHECK(parse_json(R"({"a":1,"b":2,"c":3})", few).error().code == Code::kInvalid);
  CHECK(parse_json("\"" + std::string(18, 'x') + "\"", few).ok());
  CHECK(parse_json("\"" + std::string(19, 'x') + "\"", few).error().code == Code::kTooLarge);
}

TEST_CASE("bytes that are no UTF-8 never make invalid JSON") {
  Json v("a\xff\xc0\xafz\xed\xa0\x80");
  auto back = parse_json(write_json(v));
  REQUIRE(back.ok());
  CHECK(back->as_string() == "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("YAML shows the same content and quotes what could be read otherwise") {
  auto v = parse_json(R"({"name":"field-01","no":"no","n":"17","list":[{"a":1,"b":[]},"x y"],"o":{"p":null}})");
  REQUIRE(v.ok());
  CHECK(write_yaml(*v) ==
        "name: field-01\n\"no\": \"no\"\n\"n\": \"17\"\nlist:\n- a: 1\n  b: []\n- \"x y\"\no:\n  p: null\n");
}

TEST_CASE("a number that is no integer of 64 bits is read as exactly as it is written") {
  for (const char* text :
       {"-99999999999999599999999909999999", "0.1", "1e300", "-2.2250738585072014e-308", "123456789.125"}) {
    auto once = parse_json(text);
    REQUIRE(once.ok());
    auto again = parse_json(write_json(*once));
    REQUIRE(again.ok());
    CHECK(again->as_double() == once->as_double());
  }
  CHECK(parse_json("0.1").value().as_double() == 0.1);
  CHECK(parse_json("1e-400").value().as_double() == 0.0);
  CHECK(!parse_json("1e400").ok());
  CHECK(write_json(parse_json("-0.0").value()) == "0");
}
