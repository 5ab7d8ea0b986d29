#include "api/s3/call.h"
#include "api/s3/text.h"
#include "base/task.h"

// GetObject and HeadObject: the same headers, with and without the bytes.
namespace dl::api::s3 {
namespace {

Result<objects::GetRequest> parse_get(const Request& request) {
  objects::GetRequest get;
  get.key = request.key;
  DL_TRY(get.version, parse_version_id(request));
  DL_TRY(get.conditions, parse_conditions(request));
  if (auto range = request.header("range")) get.range = parse_range(*range);
  if (request.has("partNumber")) {
    DL_TRY(uint64_t part, parse_count(request, "partNumber", 0, 0x7fffffff));
    if (part == 0 || part > dl::limits::kMaxParts)
      return refuse(S3Code::kInvalidArgument, "Part number must be an integer between 1 and 10000, inclusive");
    if (get.range)
      return refuse(S3Code::kInvalidRequest, "Cannot specify both Range header and partNumber query parameter");
    get.part = static_cast<uint32_t>(part);
  }
  return get;
}

struct Override {
  std::string_view param, header;
};
constexpr Override kOverrides[] = {
    {"response-cache-control", "cache-control"},       {"response-content-disposition", "content-disposition"},
    {"response-content-encoding", "content-encoding"}, {"response-content-language", "content-language"},
    {"response-content-type", "content-type"},         {"response-expires", "expires"},
};

// A client's text that would break the header section apart.
bool safe_header(std::string_view value) {
  for (char c : value)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') return false;
  return true;
}

Result<void> add_content_headers(const Request& request, const objects::ObjectInfo& info, net::HttpHeaders& headers) {
  for (const auto& header : info.fields.headers) headers.add(header.name, header.value);
  if (!headers.find("content-type")) headers.add("content-type", "binary/octet-stream");
  for (const Override& row : kOverrides) {
    auto value = request.param(row.param);
    if (!value) continue;
    if (!safe_header(*value))
      return refuse(S3Code::kInvalidArgument, std::string(row.param) + " holds characters that no header may have");
    headers.set(std::string(row.header), *value);
  }
  for (const auto& header : info.fields.user_metadata) headers.add("x-amz-meta-" + header.name, header.value);
  return {};
}

void add_state(const objects::ObjectInfo& info, net::HttpHeaders& headers) {
  add_durable(headers, info.at_hub);
  headers.add("x-demilune-availability", info.here ? "local" : "remote");
  if (info.conflicts > 0) headers.add("x-demilune-conflict", std::to_string(info.conflicts));
  if (info.arriving > 0) headers.add("x-demilune-arriving", std::to_string(info.arriving));
}

Result<net::HttpHeaders> render_get(const Request& request, const objects::ObjectInfo& info) {
  net::HttpHeaders headers;
  headers.add("ETag", quote(info.fields.etag));
  headers.add("Last-Modified", http_date(info.last_modified.wall()));
  add_version(headers, "x-amz-version-id", info.versioned, info.null, info.version);
  if (info.found == objects::Found::kNotModified) return headers;
  headers.add("Accept-Ranges", "bytes");
  DL_OK(add_content_headers(request, info, headers));
  if (info.partial && info.length > 0)  // no range names no bytes
    headers.add("Content-Range", "bytes " + std::to_string(info.offset) + "-" +
                                     std::to_string(info.offset + info.length - 1) + "/" +
                                     std::to_string(info.fields.size));
  if (info.parts) headers.add("x-amz-mp-parts-count", std::to_string(*info.parts));
  const bool checksums = lower(request.header("x-amz-checksum-mode").value_or("")) == "enabled";
  const bool whole = info.offset == 0 && info.length == info.fields.size;
  if (checksums && whole && !info.fields.checksums.empty()) add_checksum(headers, info.fields.checksums.front());
  add_state(info, headers);
  return headers;
}

// A delete marker answers with an error that tells of it.
Task<void> send_marker(Call* call, objects::ObjectInfo info, bool by_version) {
  Error e = by_version ? refuse(S3Code::kMethodNotAllowed, "The specified method is not allowed against this resource.")
                       : refuse(S3Code::kNoSuchKey, "The specified key does not exist.");
  net::HttpResponse response = error_response(*call, e);
  response.headers.add("x-amz-delete-marker", "true");
  add_version(response.headers, "x-amz-version-id", info.versioned, info.null, info.version);
  if (by_version) {
    response.headers.add("Allow", "DELETE");
    response.headers.add("Last-Modified", http_date(info.last_modified.wall()));
  }
  co_return co_await call->exchange->response.send(std::move(response));
}

int status_of(const objects::ObjectInfo& info) { return info.partial ? 206 : 200; }

Task<void> send_body(Call* call, objects::ObjectReader* reader, net::HttpHeaders headers) {
  const objects::ObjectInfo& info = reader->info();
  headers.add("x-amz-request-id", call->request_id);
  net::ResponseWriter& response = call->exchange->response;
  if (Bytes* whole = reader->whole())
    co_return co_await response.send({status_of(info), std::move(headers), std::move(*whole)});
  DL_CO_OK(co_await response.start(status_of(info), std::move(headers), info.length));
  while (true) {
    DL_CO_TRY(BytesView chunk, co_await reader->next());
    if (chunk.empty()) co_return Result<void>();
    DL_CO_OK(co_await response.write(chunk));
  }
}

}  // namespace

Task<void> get_object(Call* call) {
  DL_CO_TRY(auto get, parse_get(call->request));
  DL_CO_TRY(auto permit, call->permit(read_action(get.version)));
  const bool by_version = get.version.has_value();
  DL_CO_TRY(auto reader, co_await call->objects->get(std::move(permit), std::move(get)));
  if (reader->info().found == objects::Found::kMarker) co_return co_await send_marker(call, reader->info(), by_version);
  DL_CO_TRY(auto headers, render_get(call->request, reader->info()));
  if (reader->info().found == objects::Found::kNotModified)
    co_return co_await send_empty(call, 304, std::move(headers));
  co_return co_await send_body(call, reader.get(), std::move(headers));
}

Task<void> head_object(Call* call) {
  DL_CO_TRY(auto get, parse_get(call->request));
  DL_CO_TRY(auto permit, call->permit(read_action(get.version)));
  const bool by_version = get.version.has_value();
  DL_CO_TRY(auto info, co_await call->objects->head(std::move(permit), std::move(get)));
  if (info.found == objects::Found::kMarker) co_return co_await send_marker(call, info, by_version);
  DL_CO_TRY(auto headers, render_get(call->request, info));
  if (info.found == objects::Found::kNotModified) co_return co_await send_empty(call, 304, std::move(headers));
  headers.add("x-amz-request-id", call->request_id);
  co_return co_await call->exchange->response.send({status_of(info), std::move(headers), {}}, info.length);
}

}  // namespace dl::api::s3
