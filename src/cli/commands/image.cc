#include "cli/command.h"
#include "cli/tar.h"

namespace dl::cli {
namespace {

using As = Column::As;

Result<int> import(Session& s, const Args& args) {
  std::string path = args.text("PATH"), to = "/api/v1/images";
  if (args.has("--name")) to += "?name=" + escape(args.text("--name"));
  DL_TRY(bool directory, s.hooks->files->is_directory(path));
  std::unique_ptr<TarStream> tar;
  std::unique_ptr<FileReader> file;
  uint64_t size = 0;
  if (directory) {
    DL_TRY(tar, TarStream::open(*s.hooks->files, path));
    size = tar->size();
  } else {
    DL_TRY(file, s.hooks->files->open(path));
    size = file->size();
  }
  DL_TRY(auto* node, s.api());
  Pull pull = [&](char* out, size_t n) { return tar ? tar->read(out, n) : file->read(out, n); };
  DL_TRY(auto image, node->upload(to, std::move(pull), size));
  s.out.item(image, {{"Name", "name"},
                     {"Digest", "digest"},
                     {"Platform", "os"},
                     {"Architecture", "architecture"},
                     {"Size", "size", As::kBytes}});
  return 0;
}

Result<int> list(Session& s, const Args&) {
  DL_TRY(auto answer, s.get("/api/v1/images"));
  s.out.rows(answer, "images",
             {{"NAME", "name"}, {"DIGEST", "digest"}, {"SIZE", "size", As::kBytes}, {"IMPORTED", "imported"}});
  return 0;
}

Result<int> remove(Session& s, const Args& args) {
  DL_TRY(auto answer, s.send("DELETE", "/api/v1/images?name=" + escape(args.text("NAME"))));
  (void)answer;
  s.out.note("Image " + args.text("NAME") + " is removed.");
  return 0;
}

}  // namespace

std::vector<Command> image_commands() {
  return {
      {"image import",
       "Take an OCI layout, a directory or a tar archive, into the node's own store",
       "",
       "demilune image import ./busybox-oci --name busybox",
       {{"PATH", "OCI layout directory or archive"}},
       {{"--name", Take::kValue, "NAME", "Name it so (default: the name inside)"}},
       import},
      {"image list", "List images", "", "demilune image list", {}, {}, list},
      {"image rm",
       "Remove an image that no workload needs",
       "",
       "demilune image rm busybox:latest",
       {{"NAME", "Name or digest"}},
       {},
       remove},
  };
}

}  // namespace dl::cli
