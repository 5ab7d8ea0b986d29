#include "cli/commands/sync_tables.h"

namespace dl::cli {

using As = Column::As;

void show_sync(Session& s, const format::Json& sync) {
  s.out.rows(sync, "links",
             {{"PEER", "peer"},
              {"LINK", "state"},
              {"LAST CONTACT", "age_seconds", As::kAge},
              {"SENT", "sent_bytes", As::kBytes},
              {"RECEIVED", "received_bytes", As::kBytes},
              {"MESSAGE", "message"}});
  s.out.line("");
  s.out.rows(sync, "spaces",
             {{"BUCKET", "bucket"},
              {"PEER", "peer"},
              {"CURSOR", "cursor"},
              {"NEWEST", "newest"},
              {"UNDECIDED", "undecided"},
              {"BODIES MISSING", "bodies_missing"},
              {"BYTES MISSING", "bytes_missing", As::kBytes},
              {"AS OF", "age_seconds", As::kAge}});
}

}  // namespace dl::cli
