#include "cli/command.h"
#include "cli/s3.h"

// Small conveniences over S3; for mirroring there are rclone and the AWS CLI.
namespace dl::cli {
namespace {

using format::Json;
using As = Column::As;

bool is_s3(const std::string& text) { return text.starts_with("s3://"); }

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<S3Uri> object_uri(const std::string& text) {
  DL_TRY(auto at, parse_s3_uri(text));
  if (at.key.empty())
    return error(Code::kInvalid, "'" + safe_text(text) + "' names no object", "Write s3://BUCKET/KEY.");
  return at;
}

Result<int> list_buckets(Session& s, S3& s3) {
  DL_TRY(auto names, s3.buckets());
  Json list = Json::array();
  for (const auto& n : names) list.push(Json::object().set("name", n));
  s.out.rows(Json::object().set("buckets", std::move(list)), "buckets", {{"BUCKET", "name"}});
  return 0;
}

Result<int> ls(Session& s, const Args& args) {
  DL_TRY(auto s3, s.connect_s3(s));
  if (!args.has("PREFIX")) return list_buckets(s, *s3);
  DL_TRY(auto at, parse_s3_uri(args.text("PREFIX")));
  Json list = Json::array();
  std::string token;
  do {
    DL_TRY(auto page, s3->list(at.bucket, at.key, args.has("--recursive") ? "" : "/", token));
    for (const auto& p : page.prefixes) list.push(Json::object().set("key", p));
    for (const auto& o : page.objects)
      list.push(Json::object().set("key", o.key).set("size", o.size).set("modified", o.modified).set("etag", o.etag));
    token = page.next;
  } while (!token.empty());
  s.out.rows(Json::object().set("objects", std::move(list)), "objects",
             {{"KEY", "key"}, {"SIZE", "size", As::kBytes}, {"MODIFIED", "modified"}});
  return 0;
}

Result<int> cat(Session& s, const Args& args) {
  DL_TRY(auto at, object_uri(args.text("OBJECT")));
  DL_TRY(auto s3, s.connect_s3(s));
  DL_TRY(auto head, s3->get(at.bucket, at.key, args.text("--version"), [&s](std::string_view piece) -> Result<void> {
    s.out.raw(piece);
    return {};
  }));
  (void)head;
  return 0;
}

Result<int> stat(Session& s, const Args& args) {
  DL_TRY(auto at, object_uri(args.text("OBJECT")));
  DL_TRY(auto s3, s.connect_s3(s));
  DL_TRY(auto head, s3->head(at.bucket, at.key, args.text("--version")));
  Json j = Json::object();
  j.set("key", at.key).set("size", head.find("content-length"));
  for (auto [field, header] : {std::pair("etag", "etag"),
                               {"modified", "last-modified"},
                               {"type", "content-type"},
                               {"version", "x-amz-version-id"},
                               {"conflicts", "x-demilune-conflict"},
                               {"arriving", "x-demilune-arriving"},
                               {"availability", "x-demilune-availability"},
                               {"durable", "x-demilune-durable"}})
    j.set(field, head.find(header).empty() ? Json() : Json(head.find(header)));
  s.out.item(j, {{"Key", "key"},
                 {"Size", "size"},
                 {"ETag", "etag"},
                 {"Modified", "modified"},
                 {"Type", "type"},
                 {"Version", "version"},
                 {"Conflicts", "conflicts"},
                 {"Arriving", "arriving"},
                 {"Availability", "availability"}});
  return 0;
}

Result<int> upload(Session& s, S3& s3, const std::string& path, S3Uri to) {
  if (to.key.empty() || to.key.ends_with("/")) to.key += base_name(path);
  DL_TRY(auto file, s.hooks->files->open(path));
  DL_TRY(auto head, s3.put(to.bucket, to.key, [&](char* out, size_t n) { return file->read(out, n); }, file->size()));
  s.out.item(Json::object().set("object", "s3://" + to.bucket + "/" + to.key).set("etag", head.find("etag")),
             {{"Object", "object"}, {"ETag", "etag"}});
  return 0;
}

Result<int> download(Session& s, S3& s3, const S3Uri& from, std::string path, const std::string& version) {
  if (path.ends_with("/") || (s.hooks->files->exists(path) && s.hooks->files->is_directory(path).value_or(false)))
    path += (path.ends_with("/") ? "" : "/") + base_name(from.key);
  DL_TRY(auto file, s.hooks->files->create(path, 0644));
  DL_TRY(auto head, s3.get(from.bucket, from.key, version, [&](std::string_view piece) { return file->write(piece); }));
  DL_OK(file->finish());
  s.out.item(Json::object().set("file", path).set("etag", head.find("etag")), {{"File", "file"}, {"ETag", "etag"}});
  return 0;
}

Result<int> cp(Session& s, const Args& args) {
  std::string from = args.text("FROM"), to = args.text("TO");
  if (!is_s3(from) && !is_s3(to))
    return error(Code::kInvalid, "neither side is an object", "Write one of them as s3://BUCKET/KEY.");
  DL_TRY(auto s3, s.connect_s3(s));
  if (!is_s3(from)) {
    DL_TRY(auto target, parse_s3_uri(to));
    return upload(s, *s3, from, std::move(target));
  }
  DL_TRY(auto source, object_uri(from));
  if (!is_s3(to)) return download(s, *s3, source, to, args.text("--version"));
  DL_TRY(auto target, parse_s3_uri(to));
  if (target.key.empty() || target.key.ends_with("/")) target.key += base_name(source.key);
  DL_OK(s3->copy(source.bucket, source.key, target.bucket, target.key));
  s.out.item(Json::object().set("object", "s3://" + target.bucket + "/" + target.key), {{"Object", "object"}});
  return 0;
}

Result<int> rm(Session& s, const Args& args) {
  DL_TRY(auto at, object_uri(args.text("OBJECT")));
  DL_TRY(auto s3, s.connect_s3(s));
  DL_OK(s3->remove(at.bucket, at.key, args.text("--version")));
  s.out.note(args.text("OBJECT") + " is deleted.");
  return 0;
}

Result<int> presign(Session& s, const Args& args) {
  DL_TRY(auto at, object_uri(args.text("OBJECT")));
  DL_TRY(auto life, parse_duration(args.text("--expires", "1h")));
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(life);
  if (seconds.count() < 1 || seconds > std::chrono::hours(24 * 7))
    return error(Code::kInvalid, "--expires is from 1s to 7d");
  DL_TRY(auto s3, s.connect_s3(s));
  std::string url = s3->presign(args.has("--put") ? "PUT" : "GET", at.bucket, at.key, seconds);
  if (s.out.shape() == Shape::kTable || s.out.shape() == Shape::kName)
    s.out.raw(url + "\n");
  else
    s.out.item(Json::object().set("url", url), {{"URL", "url"}});
  return 0;
}

}  // namespace

std::vector<Command> object_commands() {
  const Positional object{"OBJECT", "s3://BUCKET/KEY"};
  constexpr std::string_view kKeys =
      "Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE, as for all S3 "
      "tools.\n"
      "Without --endpoint (here: a data port, 7443) or AWS_ENDPOINT_URL the local node is asked.";
  const Option version{"--version", Take::kValue, "ID", "This version instead of the current one"};
  return {
      {"ls",
       "List buckets or objects",
       kKeys,
       "demilune ls s3://mission/reports/",
       {{"PREFIX", "s3://BUCKET/PREFIX", Positional::Count::kOptional}},
       {{"--recursive", Take::kFlag, "", "What is below as well"}},
       ls},
      {"cp",
       "Copy one object: up, down or across",
       kKeys,
       "demilune cp plan.txt s3://mission/",
       {{"FROM", "File or s3://BUCKET/KEY"}, {"TO", "File or s3://BUCKET/KEY"}},
       {version},
       cp},
      {"cat",
       "Write an object to standard output",
       kKeys,
       "demilune cat s3://mission/plan.txt",
       {object},
       {version},
       cat},
      {"rm", "Delete one object", kKeys, "demilune rm s3://mission/plan.txt", {object}, {version}, rm},
      {"stat", "What is known of an object", kKeys, "demilune stat s3://mission/plan.txt", {object}, {version}, stat},
      {"presign",
       "Make an address that works without a key for a time",
       kKeys,
       "demilune presign s3://mission/plan.txt --expires 1h",
       {object},
       {{"--expires", Take::kValue, "TIME", "How long (1h, at most 7d)"},
        {"--put", Take::kFlag, "", "To upload instead of to read"}},
       presign},
  };
}

}  // namespace dl::cli
