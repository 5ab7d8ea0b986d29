#include "base/error_table.h"

namespace dl {
namespace {

constexpr ErrorInfo kTable[] = {
    {Code::kInvalid, 1001, 2, "invalid", "The input is malformed.",
     "Correct the part that the message names and try again."},
    {Code::kUnsupported, 1002, 1, "unsupported", "Well-formed, but this version or this node does not offer it.",
     "See docs/status.md for what works; a device may have to ask its hub."},
    {Code::kNotFound, 1003, 4, "not-found", "The named thing does not exist, or not here.",
     "List what exists and check the name."},
    {Code::kExists, 1004, 6, "exists", "A thing of that name exists already.",
     "Choose another name, or change the existing one."},
    {Code::kUnauthenticated, 1005, 5, "unauthenticated", "Who is asking is not proven.",
     "Check access key, secret key, region and the clock."},
    {Code::kDenied, 1006, 5, "denied", "Proven, but no policy allows it, or one denies it.",
     "Ask an administrator for a policy that allows this action on this resource."},
    {Code::kConflict, 1007, 6, "conflict", "The state moved, or forbids this now.",
     "Look at the present state and decide again."},
    {Code::kPrecondition, 1008, 6, "precondition", "A condition that was set does not hold.",
     "Read the present version and try again."},
    {Code::kTooLarge, 1009, 2, "too-large", "Over a fixed limit of the interface.",
     "Split it, or use a multipart upload."},
    {Code::kLimit, 1010, 1, "limit", "Over a configured bound or quota.",
     "Free something, or raise the setting that the message names."},
    {Code::kBusy, 1011, 1, "busy", "The node has more work than it may queue.",
     "Try again after the time the answer names."},
    {Code::kNoSpace, 1012, 1, "no-space", "The disk is full up to the reserve.",
     "Delete objects or give the disk more space; the node recovers by itself."},
    {Code::kTimeout, 1013, 8, "timeout", "A deadline passed before it was done.",
     "Check the link and the load, then try again."},
    {Code::kCancelled, 1014, 1, "cancelled", "Its owner stopped it.", "Start it again if it is still wanted."},
    {Code::kUnavailable, 1015, 7, "unavailable", "A node, or a body that lies elsewhere, cannot be reached now.",
     "Check the link; what waits is sent by itself when it is back."},
    {Code::kClosed, 1016, 7, "closed", "The other side closed the connection.",
     "Check that the other node runs, then try again."},
    {Code::kCorrupt, 1017, 1, "corrupt", "Stored or received bytes fail their check.",
     "Nothing was changed. Keep the data directory and run `demilune doctor`."},
    {Code::kIo, 1018, 1, "io", "The operating system refused a file or network call.",
     "See the reason in the message."},
    {Code::kForeign, 1019, 1, "foreign", "A file, key or peer belongs to something else.",
     "Check that data directory, key file and hub belong together. Nothing was changed."},
    {Code::kInternal, 1020, 1, "internal", "A bug of Demilune.", "Please report it with the log lines around it."},
};

}  // namespace

std::span<const ErrorInfo> error_table() { return kTable; }

const ErrorInfo& error_info(Code code) {
  for (const auto& row : kTable)
    if (row.code == code) return row;
  DL_ASSERT(false, "code without a row in the error table");
  __builtin_unreachable();
}

const ErrorInfo* find_error_info(int number) {
  for (const auto& row : kTable)
    if (row.number == number) return &row;
  return nullptr;
}

}  // namespace dl
