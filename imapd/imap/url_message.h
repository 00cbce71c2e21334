// The message that an IMAP URL names: for CATENATE and URLFETCH.
#pragma once

#include "lib/access/message_file.h"
#include "lib/imap/imap_url.h"

#include "imapd/imap/session.h"

namespace relais {

// kNotFound where there is none, with what is missing.
[[nodiscard]] Task<Result<MessageFile>> open_url_message(Session& session, imap::ImapUrl url);

// The mailbox's name in the tree; empty where it can be none.
[[nodiscard]] std::string url_mailbox(Session& session, const imap::ImapUrl& url);

}  // namespace relais
